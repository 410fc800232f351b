"""The start of commands: flags, help, quiet libraries. No other package reads absl's flags."""
