"""Runs a binary: parses flags, prints help, and reports errors and signals in one line."""

import os
import re
import signal
import sys
from collections.abc import Callable, Sequence

from absl import app, flags

from cli.help_flags import define_help_flags, import_modules
from semreg_tf.console import plain_errors
from semreg_tf.name_hints import did_you_mean
from semreg_tf.stopping import Stopped, stoppable
from semreg_tf.tensorflow_import import ease_tensorflow_import

_OVERRIDE_FLAG = re.compile(r"^--?config\.([A-Za-z0-9_.]+)=", re.DOTALL)
# Between two states of a bar that nobody watches.
_BAR_SECS = "30"
_REQUIRED = re.compile(r"Flag --(\S+) must have a value other than None")


def run(
    main: Callable[[list[str]], None], *, stopped: str = "Stopped.", arguments: str | None = None
) -> None:
    """Parses the flags, calls `main`, and exits.

    Slow imports such as TensorFlow belong into `main`, so that help and errors of flags are quick.
    The exit status is 2 for an invalid flag, 130 after Ctrl-C and 143 after SIGTERM.

    Args:
      main: called with the program's name and the positional arguments.
      stopped: the line to print after a signal, on what is saved and how to resume.
      arguments: description of the positional arguments; None: there are none.
    """
    define_help_flags()
    _define_import()
    ease_tensorflow_import()
    _slow_down_bars()

    def parse(argv: Sequence[str]) -> list[str]:
        with plain_errors():
            return parse_flags(argv, arguments)

    def guarded(argv: list[str]) -> None:
        try:
            with stoppable():
                with plain_errors():
                    import_modules(imported_modules())
                main(argv)
        except Stopped as error:
            print(str(error) or stopped, file=sys.stderr)
            sys.exit(error.exit_status)

    try:
        app.run(guarded, flags_parser=parse)
    except BrokenPipeError:
        # The reader of the output has ended, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)


def _slow_down_bars() -> None:
    """Makes progress bars rare lines where standard error is a file or a pipe.

    tqdm reads the variables when it is imported.
    """
    if not sys.stderr.isatty():
        for name in ("TQDM_MININTERVAL", "TQDM_MAXINTERVAL"):
            os.environ.setdefault(name, _BAR_SECS)


def _define_import() -> None:
    """Defines `--import` as a flag of the binary."""
    flags.DEFINE_multi_string(
        "import",
        [],
        "Python module to import first, which registers encoders or experiments; repeatable.",
    )
    flags.FLAGS.register_key_flag_for_module(sys.argv[0], flags.FLAGS["import"])


def imported_modules() -> list[str]:
    """Returns the values of `--import`, for a binary that starts others."""
    return flags.FLAGS["import"].value if "import" in flags.FLAGS else []


def parse_flags(argv: Sequence[str], arguments: str | None = None) -> list[str]:
    """Parses the flags; `arguments` describes the positional arguments, None if there are none.

    Returns:
      The program's name and the positional arguments.

    Raises:
      ValueError: a flag is unknown, invalid or missing, or a positional argument is not allowed.
    """
    try:
        rest = flags.FLAGS([_OVERRIDE_FLAG.sub(r"--config=\1=", argument) for argument in argv])
    except flags.UnrecognizedFlagError as error:
        raise ValueError(_unknown_flag(error.flagname)) from None
    except flags.Error as error:
        missing = _REQUIRED.findall(str(error))
        if missing:
            raise ValueError(
                f"{' and '.join(f'`--{name}`' for name in missing)} must be given; see --help. "
                f"Received: nothing"
            ) from None
        raise ValueError(_invalid_value(error)) from None
    if arguments is None and len(rest) > 1:
        raise ValueError(
            "There are no positional arguments: use flags, as --name=value; --help lists them. "
            f"Received: {rest[1]!r}"
        )
    return rest


def _invalid_value(error: flags.Error) -> str:
    """Returns absl's error on a value in this project's words."""
    reason = error.__context__
    found = re.fullmatch(rf"flag --([^=]+)=(.*): {re.escape(str(reason))}", str(error), re.DOTALL)
    if isinstance(reason, flags.ValidationError) or found is None or found[1] not in flags.FLAGS:
        return str(error)
    parser = flags.FLAGS[found[1]].parser
    if isinstance(parser, flags.BooleanParser):
        allowed = "true or false"
    elif isinstance(parser, flags.EnumParser):
        allowed = f"one of {', '.join(parser.enum_values)}"
    else:
        allowed = parser.syntactic_help
    if not allowed:
        return str(error)
    repeats = (
        "; repeat it for several" if isinstance(flags.FLAGS[found[1]], flags.MultiFlag) else ""
    )
    return f"`--{found[1]}` must be {allowed}{repeats}. Received: --{found[1]}={found[2]}"


def _unknown_flag(name: str) -> str:
    # Suggest the binary's flags only, not absl's.
    key_flags = flags.FLAGS.get_key_flags_for_module(sys.argv[0])
    known = [f"--{flag.name}" for flag in key_flags] or [f"--{flag}" for flag in flags.FLAGS]
    if name.startswith("config.") and "config" in flags.FLAGS:
        return f"--{name} must be written --{name}=value. Received: --{name}"
    hint = did_you_mean(f"--{name}", known)
    return f"There is no flag --{name}{hint} --help lists the flags. Received: --{name}"
