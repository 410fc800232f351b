"""Files that are whole, named when they are not, and written by one process at a time."""
