"""Flickr30k, read from its official files."""
