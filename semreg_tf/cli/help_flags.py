"""`--help` of every binary: its own flags, exit status 0; `--help_config`: the config's fields."""

import sys
from typing import Any

from absl import app, flags

flags.disclaim_key_flags()


def define_help_flags() -> None:
    """Defines absl's help flags anew, so that asking for help is no failure."""
    app.define_help_flags()
    for kind in (app.HelpFlag, app.HelpshortFlag, app.HelpfullFlag, app.HelpXMLFlag):
        if not isinstance(flags.FLAGS[kind.__name__.removesuffix("Flag").lower()], _ExitsWell):
            flag = type(kind.__name__, (_ExitsWell, kind), {})()
            flag.allow_override = True
            flags.DEFINE_flag(flag)


class _ExitsWell:
    """A flag that prints and exits with status 0, where absl's exits with 1."""

    def parse(self, argument: Any) -> None:
        try:
            super().parse(argument)
        except SystemExit:
            sys.exit(0)


class HelpConfigFlag(flags.BooleanFlag):
    """Prints the config's fields and exits; after `--experiment=NAME`, with that one's values."""

    def __init__(self) -> None:
        super().__init__(
            "help_config",
            False,
            "List every --config field with its default; with --experiment=NAME, its values.",
        )

    def parse(self, argument: Any) -> None:
        """Prints where the flag is set."""
        if not self._parse(argument):
            return
        from semreg_tf.cli.config_help import describe_config
        from semreg_tf.config import Config
        from semreg_tf.console import plain_errors

        with plain_errors():
            print(describe_config(_experiment() or Config()))
        sys.exit(0)


def _experiment() -> Any:
    """Returns the config of the experiment on the command line, which is not parsed yet."""
    from semreg_tf import experiments

    for argument, following in zip(sys.argv, [*sys.argv[1:], ""], strict=True):
        name, equals, value = argument.partition("=")
        if name in ("--experiment", "-experiment"):
            return experiments.get(value if equals else following)
    return None
