"""Evaluation of work directories: runs opened with their data, scored, and the results written."""
