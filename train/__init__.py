"""Training binaries: one for each stage of Sec. 3.3."""

import os

# TensorFlow's own lines about oneDNN and missing GPUs would bury what a binary says.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
