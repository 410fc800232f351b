"""The files of one checkpoint: read whole, or refused by name."""

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from semreg_tf.config import FORMAT_VERSION
from semreg_tf.files import digests
from semreg_tf.files.json_files import read_json_object

STATE_FILE = "state.json"
TENSORS = "tensors"
INDEX_FILE = f"{TENSORS}.index"
# In state.json: of the index of tensors, and of all the rest of it.
INDEX_DIGEST = "tensors_index_sha256"
_CHECKS = (INDEX_DIGEST, digests.OWN_DIGEST)


def list_checkpoints(workdir: str | Path) -> list[Path]:
    """Returns the whole checkpoints of a run, oldest first."""
    return sorted((Path(workdir) / "checkpoints").glob("step-????????"))


def read_state(checkpoint: Path) -> dict[str, Any]:
    """Reads `state.json`.

    Raises:
      ValueError: it is missing, damaged or changed, or was written by another format version.
    """
    path = checkpoint / STATE_FILE
    state = read_json_object(path, "checkpoint", fields=("format_version",))
    if state["format_version"] != FORMAT_VERSION:
        raise ValueError(
            f"`checkpoint` must be of format version {FORMAT_VERSION}. Received: "
            f"format_version={state['format_version']!r} in {str(checkpoint)!r}"
        )
    digests.check_own_digest(state, path, "checkpoint")
    if not isinstance(state.get("step"), int):
        raise ValueError(
            f"`checkpoint` must hold a whole {STATE_FILE}: it lacks its step. "
            f"Received: {str(path)!r}"
        )
    return {name: value for name, value in state.items() if name not in _CHECKS}


def stored_names(checkpoint: Path) -> list[str]:
    """Returns the names of a checkpoint's tensors, sorted."""
    with tensor_errors(checkpoint):
        return sorted(open_tensors(checkpoint).get_variable_to_shape_map())


def parameter_counts(checkpoint: Path) -> dict[str, int]:
    """Returns how many numbers the encoder, the head and the decoder have, those that rest too."""
    with tensor_errors(checkpoint):
        shapes = open_tensors(checkpoint).get_variable_to_shape_map()
    counts = dict.fromkeys(("encoder", "head", "decoder"), 0)
    for name, shape in shapes.items():
        part = name.partition("/")[0]
        if part in counts and not name.endswith("seed_generator_state"):
            counts[part] += math.prod(shape)
    return counts


def check_index(checkpoint: Path) -> dict[str, Any]:
    """Reads the state, and refuses tensors that were not written with it.

    TensorFlow's index holds a checksum of each tensor, so that the index's digest stands for all.

    Raises:
      ValueError: as said, or a file is missing or damaged.
    """
    state = read_state(checkpoint)
    raw = read_json_object(checkpoint / STATE_FILE, "checkpoint")
    if INDEX_DIGEST in raw:
        digests.check_files(checkpoint, {INDEX_FILE: raw[INDEX_DIGEST]}, "checkpoint")
    return state


def verify(checkpoint: Path) -> None:
    """Reads a checkpoint through.

    Raises:
      ValueError: a file of it is missing or damaged; it is named.
    """
    check_index(checkpoint)
    with tensor_errors(checkpoint):
        reader = open_tensors(checkpoint)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)


@contextlib.contextmanager
def tensor_errors(checkpoint: Path) -> Iterator[None]:
    """Turns TensorFlow's errors about a damaged or missing file into a ValueError naming it."""
    try:
        yield
    except Exception as error:  # TensorFlow raises whatever the damage leads it to.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"`checkpoint` must hold whole tensors: a file of them is missing or damaged "
            f"({reason}). Received: checkpoint={str(checkpoint)!r}"
        ) from error


def open_tensors(checkpoint: Path) -> Any:
    """Opens TensorFlow's reader; inside `tensor_errors`, for it checks what it reads."""
    return tf.train.load_checkpoint(str(checkpoint / TENSORS))
