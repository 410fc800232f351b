"""Multi-label, caption and retrieval metrics on plain arrays and strings."""
