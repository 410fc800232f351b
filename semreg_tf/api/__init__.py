"""The functions and classes that `import semreg_tf` exports: see docs/api.md."""
