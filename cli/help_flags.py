"""The flags `--help`, which lists a binary's flags, and `--help_config`, for the config's."""

import importlib
import itertools
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from absl import app, flags

flags.disclaim_key_flags()


_REWRITES: list[Callable[[str], str]] = [str]
# absl adds this to the text of each flag that may be repeated; the texts here say so themselves.
_ABSL_SENTENCE = ";\n    repeat this option to specify a list of values"


def rewrite_help(rewrite: Callable[[str], str]) -> None:
    """Passes a binary's docstring through a function before `--help` prints it."""
    _REWRITES.append(rewrite)


def define_help_flags() -> None:
    """Redefines absl's help flags so that they exit with status 0."""
    app.define_help_flags()
    for kind in (app.HelpFlag, app.HelpshortFlag, app.HelpfullFlag, app.HelpXMLFlag):
        if not isinstance(flags.FLAGS[kind.__name__.removesuffix("Flag").lower()], _ExitZero):
            flag = type(kind.__name__, (_ExitZero, kind), {})()
            flag.allow_override = True
            flags.DEFINE_flag(flag)


class _ExitZero:
    """Mixin of absl's help flags, which exit with status 1, that exits with status 0."""

    def parse(self, argument: Any) -> None:
        binary = sys.modules["__main__"]
        binary.__doc__ = _REWRITES[-1](binary.__doc__ or "")
        for name in flags.FLAGS:
            flag = flags.FLAGS[name]
            flag.help = (flag.help or "").removesuffix(_ABSL_SENTENCE)
        try:
            super().parse(argument)
        except SystemExit:
            sys.exit(0)


class HelpConfigFlag(flags.BooleanFlag):
    """Prints the config's fields and exits; with `--experiment=NAME`, that experiment's values."""

    def __init__(self) -> None:
        super().__init__(
            "help_config",
            False,
            "List all --config fields with defaults; with --experiment=NAME, that one's values.",
        )

    def parse(self, argument: Any) -> None:
        """Prints the fields if the flag is true."""
        if not self._parse(argument):
            return
        from cli.config_help import describe_config
        from semreg_tf.config import Config
        from semreg_tf.console import plain_errors

        with plain_errors():
            print(describe_config(_experiment() or Config()))
        sys.exit(0)


def _experiment() -> Any:
    """Returns the config of the experiment named on the command line, before flags are parsed."""
    from semreg_tf import experiments

    import_modules(values_on(sys.argv, "import"))
    names = values_on(sys.argv, "experiment")
    return experiments.get(names[-1]) if names else None


def values_on(argv: Sequence[str], flag: str) -> list[str]:
    """Returns the values of a flag on a command line, before flags are parsed."""
    values = []
    for argument, following in itertools.pairwise([*argv, None]):
        name, equals, value = argument.partition("=")
        if name in (f"--{flag}", f"-{flag}") and (equals or following is not None):
            values.append(value if equals else following)
    return values


def import_modules(names: Sequence[str]) -> None:
    """Imports a user's modules, installed or in the working directory.

    Raises:
      ValueError: a module is not found.
    """
    if names and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            # If the user's module exists but an import in it fails, Python's error is clearer.
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise
            raise ValueError(
                "`--import` must name a module in the working directory or an installed one. "
                f"Received: --import={name}"
            ) from None
