"""Atomic files, their digests, and locks that let one process write at a time."""
