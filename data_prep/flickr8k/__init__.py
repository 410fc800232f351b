"""Flickr8k, read from its official files."""
