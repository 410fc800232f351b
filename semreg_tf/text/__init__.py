"""Text files, Unicode cleaning and tokenisation. Plain Python that every layer may import."""
