"""COCO captions of 2014, read from the official files."""
