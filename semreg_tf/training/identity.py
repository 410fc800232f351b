"""Digests and config fields in checkpoints that tie weights to their vocabularies and config."""

import functools
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semreg_tf import config_io
from semreg_tf.config import Config
from semreg_tf.data.dataset_digests import changed_contents
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.files.digests import FILE_DIGESTS as DIGESTS
from semreg_tf.files.result_origin import DATASET_DIGESTS
from semreg_tf.training import checkpoints

logger = logging.getLogger(__name__)
CONFIG_FILE = "config.json"
SHAPE = "shape"
_FIX = "Put the earlier file back."


def identity(config: Config, vocabularies: Vocabularies) -> dict[str, Any]:
    """Returns the values by which a checkpoint identifies its run.

    Returns:
      `digests`: digests of the vocabulary files, by file name; `shape`: the config fields that
      define the model.
    """
    return {DIGESTS: vocabularies.digests(), SHAPE: config_io.shaping_fields(config)}


def check_names(folder: Path, vocabularies: Vocabularies, stored: Mapping[str, str]) -> None:
    """Refuses vocabularies of a work directory that do not match the stored digests.

    Raises:
      ValueError: names, their order or their counts were changed; the message names the file.
    """
    current = vocabularies.digests()
    for name in sorted(current.keys() | stored.keys()):
        if current.get(name) != stored.get(name):
            if name not in stored:
                change = "was added"
            else:
                change = "was changed" if name in current else "was removed"
            raise ValueError(
                f"`workdir` must hold {name} as the weights were trained with it: it {change} "
                f"(names, their order or their counts). {_FIX} Received: {str(folder / name)!r}"
            )


def check_shape(folder: Path, config: Config, shape: Mapping[str, Any]) -> None:
    """Refuses a work directory's config whose model fields differ from the checkpoint's.

    Raises:
      ValueError: a field differs; the message gives its name and both values.
    """
    difference = config_io.first_difference(shape, config_io.shaping_fields(config))
    if difference is not None:
        name, stored, value = difference
        raise ValueError(
            f"`workdir` must hold {CONFIG_FILE} as the weights were trained with it: "
            f"{name} was {stored!r}. {_FIX} Received: {name}={value!r} in "
            f"{str(folder / CONFIG_FILE)!r}"
        )


def check_run(
    folder: Path, about: Mapping[str, Any], config: Config, vocabularies: Vocabularies
) -> None:
    """Refuses a work directory whose vocabularies or config do not match its weights.

    A folder of an earlier version, without digests, passes with a warning.

    Raises:
      ValueError: a file was changed; the message names it.
    """
    stored = about.get(DIGESTS)
    if stored is not None:
        check_names(folder, vocabularies, stored)
    for checkpoint in checkpoints.list_checkpoints(folder):
        try:
            state = checkpoints.read_state(checkpoint)
        except ValueError:
            # A damaged checkpoint is reported where it is used, and another one may be used.
            continue
        if DIGESTS in state:
            check_names(folder, vocabularies, state[DIGESTS])
            check_shape(folder, config, state[SHAPE])
            stored = state[DIGESTS]
    if stored is None:
        _warn_without_digests(str(folder))


def check_dataset(folder: Path, about: Mapping[str, Any], current: Mapping[str, str]) -> None:
    """Refuses to go on with a run whose data set was prepared again with other content.

    A run or a data set of an earlier version, without digests, passes.

    Args:
      folder: the work directory.
      about: the contents of its config.json.
      current: the `content_digests` of the data set.

    Raises:
      ValueError: annotations or pictures differ from those at the start of the run.
    """
    changed = changed_contents(about.get(DATASET_DIGESTS) or {}, current)
    if changed:
        raise ValueError(
            "`workdir` must be new or hold a run on the data set as it is now: since the run began "
            f"the {', '.join(changed)} changed. Delete the folder and those of the run's other "
            f"stages, or give another `--workdir`. Received: workdir={str(folder)!r}"
        )


@functools.cache
def _warn_without_digests(folder: str) -> None:
    logger.warning("%s has no digests: an earlier version wrote it", folder)
