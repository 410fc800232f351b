"""What the binaries share: flags, help, signals, errors in one line."""
