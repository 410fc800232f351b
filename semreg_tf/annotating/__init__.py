"""Annotating collections of pictures with an exported model."""
