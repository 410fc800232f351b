"""Loading an export's models for training, with its config and vocabularies."""

import copy
import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from semreg_tf import config_io
from semreg_tf.config import Config
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.files.export_info import ASSETS, FIX, INFO_FILE, read_info
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.batch_norm_folding import (
    STATISTICS_FILE,
    fold_batch_norm,
    foldable,
    unfold_batch_norm,
)
from semreg_tf.training.precision import dtype_policy_scope

_STORED = "weights/stored/{}/.ATTRIBUTES/VARIABLE_VALUE"
# The scales of the columns of a matrix in eight bits.
_SCALES = "weights/scales/{}/.ATTRIBUTES/VARIABLE_VALUE"


def load_exported(path: str | Path) -> tuple[Config, Vocabularies, Annotator, str | None]:
    """Builds an export's models in float32, with batch normalisation unfolded.

    Returns:
      The config, the vocabularies, the models, and the stage in which they were trained or None.

    Raises:
      ValueError: the export is of another version, lacks what training needs, or a file is missing,
        damaged or exchanged.
    """
    folder = Path(path)
    info = read_info(folder, "init_from")
    if info.get("format") is not None:
        raise ValueError(
            f"`init_from` must be a run or a SavedModel: a file of {info['format']} holds no "
            f"weights that can be trained or converted. Received: init_from={str(path)!r}"
        )
    config = config_io.from_file_values(info, str(folder / INFO_FILE))
    vocabularies = Vocabularies.load(folder / ASSETS)
    bare = dataclasses.replace(config, encoder=dataclasses.replace(config.encoder, weights=None))
    with dtype_policy_scope("float32"):
        sizes = len(vocabularies.concepts), vocabularies.output.size
        annotator = Annotator(bare, *sizes, load_first_weights=False)
        folded = copy.copy(annotator)
        folded.encoder = fold_batch_norm(annotator.encoder)
    # Sets the head and decoder of `annotator` too, which are the same objects.
    _assign(folder, info, folded)
    statistics = _statistics(folder, annotator)
    unfold_batch_norm(annotator.encoder, folded.encoder, statistics)
    return config, vocabularies, annotator, info.get("stage")


def _assign(folder: Path, info: dict[str, Any], folded: Annotator) -> None:
    """Sets the models' weights from the export, which stores them in this order."""
    # All but the states of random numbers, as in `StoredWeights`.
    every = folded.all_variables().values()
    variables = [v for v in every if v.name != "seed_generator_state"]
    # From an export of a captioner and a tag model, the captioner is loaded.
    part = "captioner/" if "captions" in info else ""
    stored, scales = part + _STORED, part + _SCALES
    expected = info.get("captions", info).get("weights_sha256")
    digest, values = hashlib.sha256(), []
    try:
        reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
        shapes = reader.get_variable_to_shape_map()
        for number, variable in enumerate(variables):
            name = stored.format(number)
            if list(shapes.get(name, ())) != list(variable.shape):
                raise _refused(folder, f"weight {number} does not fit its config")
            value = np.asarray(reader.get_tensor(name))
            digest.update(value.tobytes())
            values.append(value.astype(variable.dtype))
            if scales.format(number) in shapes:
                scale = np.asarray(reader.get_tensor(scales.format(number)))
                digest.update(scale.tobytes())
                values[-1] *= scale
    except (OSError, RuntimeError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0][:200]
        raise _refused(folder, f"variables/ is missing or damaged ({reason})") from error
    if stored.format(len(values)) in shapes or digest.hexdigest() != expected:
        raise _refused(folder, "the weights are not those that were written")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _statistics(folder: Path, annotator: Annotator) -> list[np.ndarray]:
    path = folder / ASSETS / STATISTICS_FILE
    if not foldable(annotator.encoder):
        return []
    if not path.exists():
        raise _refused(
            folder,
            f"{STATISTICS_FILE} is missing: it was written before exports of networks with batch "
            "normalisation could be trained",
        )
    with np.load(path, allow_pickle=False) as stored:
        return [stored[f"arr_{number}"] for number in range(len(stored.files))]


def _refused(folder: Path, reason: str) -> ValueError:
    return ValueError(
        f"`init_from` must be a whole export: {reason}. {FIX} Received: init_from={str(folder)!r}"
    )
