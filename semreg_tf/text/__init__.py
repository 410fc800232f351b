"""Text that people wrote: files, characters, tokens. Plain Python that every layer may import."""
