"""Reading and verifying the files of a checkpoint."""

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
# Fields of state.json: the digests of TensorFlow's index file and of state.json itself.
INDEX_DIGEST = "tensors_index_sha256"
_CHECKS = (INDEX_DIGEST, digests.OWN_DIGEST)


def list_checkpoints(workdir: str | Path) -> list[Path]:
    """Returns the checkpoints of a run, oldest first, without partially written ones."""
    return sorted((Path(workdir) / "checkpoints").glob("step-????????"))


def read_state(checkpoint: Path) -> dict[str, Any]:
    """Reads `state.json`.

    Raises:
      ValueError: the file is missing, damaged, changed, or of another format version.
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
            f"`checkpoint` must hold a whole {STATE_FILE}: it has no step. Received: {str(path)!r}"
        )
    return {name: value for name, value in state.items() if name not in _CHECKS}


def stored_names(checkpoint: Path) -> list[str]:
    """Returns the names of a checkpoint's tensors, sorted."""
    with tensor_errors(checkpoint):
        return sorted(open_tensors(checkpoint).get_variable_to_shape_map())


def parameter_counts(checkpoint: Path) -> dict[str, int]:
    """Returns the numbers of parameters of encoder, head and decoder, including frozen ones."""
    with tensor_errors(checkpoint):
        shapes = open_tensors(checkpoint).get_variable_to_shape_map()
    counts = dict.fromkeys(("encoder", "head", "decoder"), 0)
    for name, shape in shapes.items():
        part = name.partition("/")[0]
        if part in counts and not name.endswith("seed_generator_state"):
            counts[part] += math.prod(shape)
    return counts


def check_index(checkpoint: Path) -> dict[str, Any]:
    """Reads the state and verifies the digest of TensorFlow's index, which has tensor checksums.

    Raises:
      ValueError: the index was not written with the state, or a file is missing or damaged.
    """
    state = read_state(checkpoint)
    raw = read_json_object(checkpoint / STATE_FILE, "checkpoint")
    if INDEX_DIGEST in raw:
        digests.check_files(checkpoint, {INDEX_FILE: raw[INDEX_DIGEST]}, "checkpoint")
    return state


def verify(checkpoint: Path) -> None:
    """Reads all tensors of a checkpoint to verify them.

    Raises:
      ValueError: a file is missing or damaged; the message names it.
    """
    check_index(checkpoint)
    with tensor_errors(checkpoint):
        reader = open_tensors(checkpoint)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)


@contextlib.contextmanager
def tensor_errors(checkpoint: Path) -> Iterator[None]:
    """Turns TensorFlow's errors about damaged or missing files into a ValueError."""
    try:
        yield
    except Exception as error:  # TensorFlow may raise any exception on damaged files.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"`checkpoint` must hold whole tensors: a file of them is missing or damaged "
            f"({reason}). Received: checkpoint={str(checkpoint)!r}"
        ) from error


def open_tensors(checkpoint: Path) -> Any:
    """Opens TensorFlow's reader, which verifies checksums; use it inside `tensor_errors`."""
    return tf.train.load_checkpoint(str(checkpoint / TENSORS))
