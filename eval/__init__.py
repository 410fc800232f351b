"""Binaries that evaluate, export, annotate and report."""
