"""Flags that several binaries have, defined once; each belongs to the binary that asks for it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from semreg_tf.cli.help_flags import HelpConfigFlag

# So that --help of a binary shows them as its own.
flags.disclaim_key_flags()

STOPPED_EVALUATION = (
    "Stopped; no results were written, and earlier ones are as they were. Cached features are kept."
)
_METEOR = {"auto": "auto", "yes": True, "no": False}


def define_data_dir(required: bool = True, text: str = "Folder of prepared data sets.") -> Any:
    """Defines `--data_dir`."""
    return flags.DEFINE_string("data_dir", None, text, required=required)


def define_workdirs() -> flags.FlagHolder[list[str]]:
    """Defines `--workdir`, which may be given several times."""
    return flags.DEFINE_multi_string(
        "workdir", None, "Work directory of the run; several are an ensemble.", required=True
    )


def define_split(default: str = "test") -> flags.FlagHolder[str | None]:
    """Defines `--split`; left out, it is the config's split of that kind."""
    return flags.DEFINE_string("split", None, f"The split. [the config's {default} split]")


def define_out() -> flags.FlagHolder[str | None]:
    """Defines `--out`, the folder of an evaluation's results."""
    return flags.DEFINE_string("out", None, "Folder of the results. [the (first) --workdir]")


def define_num_pictures() -> flags.FlagHolder[int]:
    """Defines `--num_pictures` of an evaluation."""
    return flags.DEFINE_integer(
        "num_pictures", 40, "Pictures kept besides the best and the worst; 0: none.", 0
    )


def define_meteor() -> flags.FlagHolder[str]:
    """Defines `--meteor`; `meteor_of` gives what the library takes."""
    return flags.DEFINE_enum(
        "meteor", "auto", list(_METEOR), "METEOR needs Java; auto: where it is found."
    )


def meteor_of(flag: flags.FlagHolder[str]) -> str | bool:
    """Returns `meteor` as the library's functions take it."""
    return _METEOR[flag.value]


def define_overrides(what: str) -> flags.FlagHolder[list[str]]:
    """Defines `--config`, whose values are `section.field=value`, and `--help_config`."""
    flags.DEFINE_flag(HelpConfigFlag())
    return flags.DEFINE_multi_string(
        "config", [], f"{what}, as --config.section.field=value; repeatable."
    )


def check_overrides(workdirs: Sequence[str], overrides: Sequence[str]) -> None:
    """Refuses overrides that do not fit the first run's config, before TensorFlow is imported.

    Raises:
      ValueError: no such field, or a value that the field refuses.
    """
    from semreg_tf import config_io

    path = Path(workdirs[0]) / "config.json"
    if overrides and path.is_file():
        config_io.apply_overrides(config_io.load(str(path)), overrides)
