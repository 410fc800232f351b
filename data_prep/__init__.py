"""Binaries and TFDS builders that turn downloaded files into TFRecord shards."""
