"""Copying the fields of another model's config that its weights require: CNN and decoder."""

import dataclasses
from os import PathLike
from pathlib import Path

from semreg_tf import config_io
from semreg_tf.config import Config
from semreg_tf.files.export_info import CONFIG_FILE
from semreg_tf.files.json_files import read_json_object

# The config's path in a run and in an export.
_FILES = (Path("config.json"), CONFIG_FILE)
_ENCODER = ("name", "weights", "pooling", "standardise")


def with_model_of(config: Config, folder: str | PathLike[str]) -> Config:
    """Returns a config with the CNN, and for the same task the decoder, of another model.

    `encoder.trainable`, steps and rates are not changed.

    Args:
      config: the experiment.
      folder: the other model's work directory or export.

    Raises:
      ValueError: the folder holds no config.
    """
    files = [Path(folder) / name for name in _FILES if (Path(folder) / name).exists()]
    if not files:
        raise ValueError(
            "`init_from` must be the work directory of a run, or a folder that the export command "
            f"wrote. Received: init_from={str(folder)!r}"
        )
    values = read_json_object(files[0], "init_from", fields=("config",))
    other = config_io.from_file_values(values, str(files[0]))
    encoder = {name: getattr(other.encoder, name) for name in _ENCODER}
    fields = {
        "encoder": dataclasses.replace(config.encoder, **encoder),
        "image": dataclasses.replace(config.image, size=other.image.size),
        "concepts": dataclasses.replace(config.concepts, hidden_units=other.concepts.hidden_units),
    }
    if other.data.task == config.data.task and None not in (config.decoder, other.decoder):
        supervised = other.concepts.supervised
        fields |= {
            "decoder": other.decoder,
            "conditionings": other.conditionings,
            "concepts": dataclasses.replace(fields["concepts"], supervised=supervised),
            "stages": other.stages,
        }
    return dataclasses.replace(config, **fields)
