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
from semreg_tf.files import digests
from semreg_tf.files.json_files import read_json_object
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.batch_norm_folding import (
    STATISTICS_FILE,
    fold_batch_norm,
    foldable,
    unfold_batch_norm,
)
from semreg_tf.training.precision import dtype_policy_scope

INFO_FILE = Path("assets.extra") / "semreg_tf.json"
_FORMAT_VERSION = 2
_FIX = "Export the run again."
_STORED = "weights/stored/{}/.ATTRIBUTES/VARIABLE_VALUE"
# The scales of the columns of a matrix in eight bits.
_SCALES = "weights/scales/{}/.ATTRIBUTES/VARIABLE_VALUE"


def is_export(path: str | Path) -> bool:
    """Returns whether a folder is an export of this project rather than a run."""
    return (Path(path) / INFO_FILE).exists()


def load_exported(path: str | Path) -> tuple[Config, Vocabularies, Annotator, str | None]:
    """Builds an export's models in float32, with batch normalisation unfolded.

    Returns:
      The config, the vocabularies, the models, and the stage in which they were trained or None.

    Raises:
      ValueError: the export is of another version, lacks what training needs, or a file is missing,
        damaged or exchanged.
    """
    folder = Path(path)
    info = read_json_object(folder / INFO_FILE, "init_from", _FIX, ("config",))
    if info.get("format_version") != _FORMAT_VERSION:
        raise ValueError(
            f"`init_from` must be an export of format version {_FORMAT_VERSION}. {_FIX} "
            f"Received: format_version={info.get('format_version')!r} in {str(path)!r}"
        )
    if info.get("format") is not None:
        raise ValueError(
            f"`init_from` must be a run or a SavedModel: a file of {info['format']} holds no "
            f"weights that can be trained or converted. Received: init_from={str(path)!r}"
        )
    digests.check_own_digest(info, folder / INFO_FILE, "init_from", _FIX)
    digests.check_files(folder, info.get(digests.FILE_DIGESTS, {}), "init_from", _FIX)
    config = config_io.from_file_values(info, str(folder / INFO_FILE))
    vocabularies = Vocabularies.load(folder / INFO_FILE.parent)
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
    path = folder / INFO_FILE.parent / STATISTICS_FILE
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
        f"`init_from` must be a whole export: {reason}. {_FIX} Received: init_from={str(folder)!r}"
    )
