"""Evaluation of work directories: loading runs with their data, scoring, writing the results."""
