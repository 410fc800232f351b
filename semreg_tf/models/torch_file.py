"""Reader of `torch.save` files that needs no PyTorch.

Such a file is a pickle, which can run arbitrary code. This reader only builds dictionaries, lists,
plain values and tensors; every other name in the file is refused before it is looked up.
"""

import math
import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

# The first two pickles of a file in the format before PyTorch 1.6.
MAGIC_NUMBER, PROTOCOL_VERSION = 0x1950A86A20F9469CFC6C, 1001
_DTYPES = {
    "HalfStorage": "<f2",
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "ByteStorage": "|u1",
    "CharStorage": "|i1",
    "ShortStorage": "<i2",
    "IntStorage": "<i4",
    "LongStorage": "<i8",
    "BoolStorage": "|b1",
}


@dataclass(frozen=True)
class _Storage:
    """An array of numbers that follows the pickles in the file."""

    key: str
    dtype: str
    num_values: int


@dataclass(frozen=True)
class _View:
    """A tensor as a part of a storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def read(self, values: np.ndarray) -> np.ndarray:
        """Returns a copy of the tensor from its storage's values, if it is within bounds.

        Raises:
          ValueError: the shape or the strides are invalid, or exceed the storage.
        """
        numbers = (self.offset, *self.shape, *self.strides)
        valid = all(type(n) is int and n >= 0 for n in numbers)
        if not valid or len(self.shape) != len(self.strides):
            raise ValueError("a tensor has no valid shape and strides")
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        if 0 in self.shape:
            return np.zeros(self.shape, values.dtype)
        if last >= len(values) or math.prod(self.shape) > len(values):
            raise ValueError("a tensor exceeds its storage")
        strides = [s * values.itemsize for s in self.strides]
        view = np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides)
        return np.array(view)


class _TensorUnpickler(pickle.Unpickler):
    """An unpickler that only builds tensors and their containers."""

    def find_class(self, module: str, name: str) -> Any:
        """Returns a harmless replacement of a global that the file names."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor_builder()
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is not part of a tensor")

    def persistent_load(self, pid: Any) -> _Storage:
        """Returns the storage of a tensor."""
        kind, dtype, key, _, num_values, *view = pid
        if kind != "storage" or dtype not in _DTYPES.values() or any(x is not None for x in view):
            raise pickle.UnpicklingError("it refers to something other than a tensor's storage")
        return _Storage(key, dtype, num_values)


def _tensor_builder() -> Callable[..., _View]:
    """Returns a new function at each call, because a pickle may set attributes on it."""

    def rebuild(storage: _Storage, offset: int, shape: tuple, strides: tuple, *_: object) -> _View:
        if not isinstance(storage, _Storage):
            raise pickle.UnpicklingError("a tensor has no storage")
        return _View(storage, offset, tuple(shape), tuple(strides))

    return rebuild


def _read_storages(file: BinaryIO, storages: dict[str, _Storage]) -> dict[str, np.ndarray]:
    """Reads the storages at the end of the file: a pickled list of keys, then count and values."""
    arrays = {}
    for key in _TensorUnpickler(file).load():
        storage = storages[key]
        (count,) = struct.unpack("<q", file.read(8))
        if count != storage.num_values:
            raise ValueError(f"a storage has {count} values in place of {storage.num_values}")
        arrays[key] = np.frombuffer(
            file.read(count * np.dtype(storage.dtype).itemsize), storage.dtype
        )
        if len(arrays[key]) != count:
            raise ValueError("it is truncated")
    return arrays


def read_tensors(path: str | Path) -> dict[str, np.ndarray]:
    """Reads a state dictionary.

    Args:
      path: a file of `torch.save(model.state_dict(), path)` in the format before PyTorch 1.6;
        later versions write it with `_use_new_zipfile_serialization=False`.

    Returns:
      Name -> tensor, in the file's order.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: the file cannot be read, or contains anything but tensors.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"`weights` must be the path of a file. Received: weights={str(path)!r}"
        )
    try:
        with open(path, "rb") as file:
            return _read(file)
    # A damaged pickle may raise any exception.
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(
            "`weights` must be a state dictionary of PyTorch, in its format before 1.6. "
            f"Received: weights={str(path)!r} ({reason})"
        ) from error


def _read(file: BinaryIO) -> dict[str, np.ndarray]:
    if file.read(2) == b"PK":
        raise ValueError("it is a zip file, the format since 1.6")
    file.seek(0)
    header = [_TensorUnpickler(file).load() for _ in range(3)]
    if header[:2] != [MAGIC_NUMBER, PROTOCOL_VERSION] or not header[2].get("little_endian"):
        raise ValueError("it does not start like a file of that format")
    tensors = _TensorUnpickler(file).load()
    if not isinstance(tensors, dict) or not all(isinstance(x, _View) for x in tensors.values()):
        raise ValueError("it contains something other than tensors")
    storages = {x.storage.key: x.storage for x in tensors.values()}
    arrays = _read_storages(file, storages)
    return {str(name): x.read(arrays[x.storage.key]) for name, x in tensors.items()}
