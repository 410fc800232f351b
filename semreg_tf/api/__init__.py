"""What `import semreg_tf` offers beside the names of its parts: see docs/api.md."""
