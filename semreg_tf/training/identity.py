"""What ties weights to their names and config: carried by checkpoints, checked at each load."""

import functools
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semreg_tf import config_io
from semreg_tf.config import Config
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.files.digests import FILE_DIGESTS as DIGESTS
from semreg_tf.training import checkpoints

logger = logging.getLogger(__name__)
CONFIG_FILE = "config.json"
SHAPE = "shape"
_FIX = "Put the earlier file back."


def identity(config: Config, vocabularies: Vocabularies) -> dict[str, Any]:
    """Returns what a checkpoint carries of its run.

    Returns:
      `digests`: of the files of names, by their names; `shape`: the fields that shape the model.
    """
    return {DIGESTS: vocabularies.digests(), SHAPE: config_io.shaping_fields(config)}


def check_names(folder: Path, vocabularies: Vocabularies, carried: Mapping[str, str]) -> None:
    """Refuses names that are not those of the digests.

    Args:
      folder: the work directory.
      vocabularies: as read from it.
      carried: digests by file name.

    Raises:
      ValueError: names, their order or their counts were changed; the file is named.
    """
    there = vocabularies.digests()
    for name in sorted(there.keys() | carried.keys()):
        if there.get(name) != carried.get(name):
            wrong = "was changed" if name in there and name in carried else "came or went"
            raise ValueError(
                f"`workdir` must hold {name} as the weights were trained with it: it {wrong} "
                f"(names, their order or their counts). {_FIX} Received: {str(folder / name)!r}"
            )


def check_shape(folder: Path, config: Config, carried: Mapping[str, Any]) -> None:
    """Refuses a config whose fields that shape the model are not the checkpoint's.

    Raises:
      ValueError: as said; the file, the field and both values are named.
    """
    found = config_io.first_difference(carried, config_io.shaping_fields(config))
    if found is not None:
        name, stored, value = found
        raise ValueError(
            f"`workdir` must hold {CONFIG_FILE} as the weights were trained with it: "
            f"{name} was {stored!r}. {_FIX} Received: {name}={value!r} in "
            f"{str(folder / CONFIG_FILE)!r}"
        )


def check_run(
    folder: Path, about: Mapping[str, Any], config: Config, vocabularies: Vocabularies
) -> None:
    """Refuses a work directory whose names or config are not those of its weights.

    A folder written before digests were kept passes, with one line in the log.

    Args:
      folder: the work directory.
      about: what its config.json holds.
      config: the config of it.
      vocabularies: its names.

    Raises:
      ValueError: as said, the file is named; or a checkpoint's state is damaged.
    """
    carried = about.get(DIGESTS)
    if carried is not None:
        check_names(folder, vocabularies, carried)
    for checkpoint in checkpoints.list_checkpoints(folder):
        try:
            state = checkpoints.read_state(checkpoint)
        except ValueError:
            # It is named where it is used, and another one may be used.
            continue
        if DIGESTS in state:
            check_names(folder, vocabularies, state[DIGESTS])
            check_shape(folder, config, state[SHAPE])
            carried = state[DIGESTS]
    if carried is None:
        _say_there_are_none(str(folder))


@functools.cache
def _say_there_are_none(folder: str) -> None:
    logger.warning("%s carries no digests: it was written before they were kept", folder)
