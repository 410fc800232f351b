"""What the binaries share, and the library never imports: flags, help, signals, errors."""
