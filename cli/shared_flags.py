"""Flags that several binaries share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from cli.help_flags import HelpConfigFlag

# So that --help of a binary shows them as its own.
flags.disclaim_key_flags()

STOPPED_EVALUATION = (
    "Stopped; no results were written and earlier ones are unchanged. Cached features are kept."
)
_METEOR = {"auto": "auto", "yes": True, "no": False}


def define_data_dir(required: bool = True, text: str = "Folder of prepared data sets.") -> Any:
    """Defines `--data_dir`."""
    return flags.DEFINE_string("data_dir", None, text, required=required)


def define_workdirs() -> flags.FlagHolder[list[str]]:
    """Defines `--workdir`, which may be repeated."""
    return flags.DEFINE_multi_string(
        "workdir",
        None,
        "Work directory of the run; repeat it to evaluate an ensemble.",
        required=True,
    )


def define_split(default: str = "test") -> flags.FlagHolder[str | None]:
    """Defines `--split`, whose default is the config's test or validation split."""
    text = f"Split to evaluate. [the config's {default} split]"
    return flags.DEFINE_string("split", None, text)


def define_out() -> flags.FlagHolder[str | None]:
    """Defines `--out`, the folder of an evaluation's results."""
    return flags.DEFINE_string("out", None, "Folder for the results. [the (first) --workdir]")


def define_num_pictures() -> flags.FlagHolder[int]:
    """Defines `--num_pictures` of an evaluation."""
    return flags.DEFINE_integer(
        "num_pictures",
        40,
        "Pictures to save for the report, the split's first; the best and the worst are added. "
        "0: save none.",
        0,
    )


def define_meteor() -> flags.FlagHolder[str]:
    """Defines `--meteor`; `meteor_of` returns the library's value of it."""
    return flags.DEFINE_enum(
        "meteor",
        "auto",
        list(_METEOR),
        "Whether to compute METEOR, which needs Java; auto: if Java is installed.",
    )


def meteor_of(flag: flags.FlagHolder[str]) -> str | bool:
    """Returns the argument `meteor` of the library's functions."""
    return _METEOR[flag.value]


def define_overrides(what: str) -> flags.FlagHolder[list[str]]:
    """Defines `--config`, whose values are `section.field=value`, and `--help_config`."""
    flags.DEFINE_flag(HelpConfigFlag())
    return flags.DEFINE_multi_string(
        "config", [], f"{what}, as --config.section.field=value; repeatable."
    )


def check_overrides(workdirs: Sequence[str], overrides: Sequence[str]) -> None:
    """Checks overrides against the first run's config, before TensorFlow is imported.

    Raises:
      ValueError: a field is unknown or a value is invalid.
    """
    from semreg_tf import config_io

    path = Path(workdirs[0]) / "config.json"
    if overrides and path.is_file():
        config_io.apply_overrides(config_io.load(str(path)), overrides)


def check_overrides_of_parts(workdirs: Sequence[str], overrides: Sequence[str]) -> None:
    """Checks overrides of one model or of two, a captioner and a tag model, as above.

    Raises:
      ValueError: a field is unknown or a value is invalid.
    """
    from semreg_tf import config_io
    from semreg_tf.label_task import overrides_of_part

    if len(workdirs) < 2:
        check_overrides(workdirs, overrides)
        return
    for workdir in workdirs:
        path = Path(workdir) / "config.json"
        if overrides and path.is_file():
            task = config_io.load(str(path)).data.task
            check_overrides([workdir], overrides_of_part(overrides, task))
