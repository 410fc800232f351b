"""The fields of a config by which another model's weights fit: its CNN, and its decoder."""

import dataclasses
from os import PathLike
from pathlib import Path

from semreg_tf import config_io
from semreg_tf.config import Config
from semreg_tf.files.json_files import read_json_object

# Where a run and an export keep their configs.
_FILES = (Path("config.json"), Path("assets.extra") / "config.json")
_ENCODER = ("name", "weights", "pooling", "standardise")


def with_model_of(config: Config, folder: str | PathLike[str]) -> Config:
    """Returns a config whose CNN, and for the same task decoder, are as another model's.

    Whether the CNN trains stays as it is, and so do steps and rates.

    Args:
      config: the experiment.
      folder: work directory of a run, or an export.

    Raises:
      ValueError: the folder holds no config.
    """
    found = [Path(folder) / name for name in _FILES if (Path(folder) / name).exists()]
    if not found:
        raise ValueError(
            "`init_from` must be the work directory of a run, or a folder that the export command "
            f"wrote. Received: init_from={str(folder)!r}"
        )
    values = read_json_object(found[0], "init_from", fields=("config",))
    other = config_io.from_file_values(values, str(found[0]))
    encoder = {name: getattr(other.encoder, name) for name in _ENCODER}
    taken = {
        "encoder": dataclasses.replace(config.encoder, **encoder),
        "image": dataclasses.replace(config.image, size=other.image.size),
        "concepts": dataclasses.replace(config.concepts, hidden_units=other.concepts.hidden_units),
    }
    if other.data.task == config.data.task and None not in (config.decoder, other.decoder):
        # A system without supervised concepts, or without a stage, stays one.
        supervised = other.concepts.supervised
        taken |= {
            "decoder": other.decoder,
            "conditionings": other.conditionings,
            "concepts": dataclasses.replace(taken["concepts"], supervised=supervised),
            "stages": other.stages,
        }
    return dataclasses.replace(config, **taken)
