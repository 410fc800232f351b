"""Training binaries: one for each stage of Sec. 3.3."""
