"""Binaries that evaluate, export, annotate and report."""

import os

# TensorFlow's own lines about oneDNN and missing GPUs would bury what a binary says.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
