"""NUS-WIDE, read from its official files."""
