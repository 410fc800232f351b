"""The command `semreg`, which runs a binary by a short name."""

import runpy
import sys

from cli import help_flags
from cli.commands import COMMANDS, describe_commands, named_as_commands
from semreg_tf._version import __version__
from semreg_tf.name_hints import did_you_mean

_HELP = ("--help", "-h", "-help", "help")


def main() -> None:
    """Runs the subcommand of the command line, or lists the subcommands if it is unknown."""
    name = sys.argv[1] if len(sys.argv) > 1 else None
    if name in COMMANDS:
        help_flags.rewrite_help(named_as_commands)
        del sys.argv[1]
        runpy.run_module(COMMANDS[name].module, run_name="__main__", alter_sys=True)
    elif name in _HELP:
        print(describe_commands())
    elif name == "--version":
        print(__version__)
    elif name is None:
        print(describe_commands(), file=sys.stderr)
        sys.exit(2)
    else:
        known = ", ".join(COMMANDS)
        hint = did_you_mean(name, COMMANDS)
        print(f"error: there is no command {name!r}{hint} Known: {known}", file=sys.stderr)
        sys.exit(2)
