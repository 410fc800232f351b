"""IAPR TC-12, read from its official archive."""
