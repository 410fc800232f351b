"""`--help` of every binary: its own flags, exit status 0; `--help_config`: the config's fields."""

import importlib
import itertools
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from absl import app, flags

flags.disclaim_key_flags()


_REWRITES: list[Callable[[str], str]] = [str]


def rewrite_help(rewrite: Callable[[str], str]) -> None:
    """Has the binaries' own words in `--help` pass through a function first."""
    _REWRITES.append(rewrite)


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
        binary = sys.modules["__main__"]
        binary.__doc__ = _REWRITES[-1](binary.__doc__ or "")
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

    import_modules(values_on(sys.argv, "import"))
    named = values_on(sys.argv, "experiment")
    return experiments.get(named[-1]) if named else None


def values_on(argv: Sequence[str], flag: str) -> list[str]:
    """Returns the values of a flag on a command line that is not parsed yet."""
    values = []
    for argument, following in itertools.pairwise([*argv, None]):
        name, equals, value = argument.partition("=")
        if name in (f"--{flag}", f"-{flag}") and (equals or following is not None):
            values.append(value if equals else following)
    return values


def import_modules(names: Sequence[str]) -> None:
    """Imports a user's modules, those of the working directory too.

    Raises:
      ValueError: there is no such module.
    """
    if names and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            # A module that the user's own one misses is told as Python tells it.
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise
            raise ValueError(
                "`--import` must name a module in the working directory or an installed one. "
                f"Received: --import={name}"
            ) from None
