"""How the commands start: flags, help, quiet libraries. The one room that knows absl's flags."""
