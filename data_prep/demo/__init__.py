"""Drawn scenes: a data set that needs no download."""
