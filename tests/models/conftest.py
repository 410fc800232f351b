"""Files as PyTorch wrote them before version 1.6, written without it."""

import pickle
import struct
import types

import numpy as np
import pytest

MAGIC_NUMBER, PROTOCOL_VERSION = 0x1950A86A20F9469CFC6C, 1001


class Global:
    """Pickled as a global name, whatever it names."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Tensor:
    """Pickled as PyTorch does: a call of its function on a storage outside of the pickle."""

    def __init__(self, key, kind, count, shape, strides, offset=0):
        self.storage = ("storage", Global("torch", kind), key, "cpu", count, None)
        self.rest = (offset, shape, strides, False)


class Writer(pickle._Pickler):
    """Python's own pickler, which lets globals be written by name."""

    def persistent_id(self, obj):
        return obj if isinstance(obj, tuple) and obj[:1] == ("storage",) else None

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Global):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
            return
        if isinstance(obj, Tensor):
            self.save(Global("torch._utils", "_rebuild_tensor_v2"))
            pid, (offset, shape, strides, grad) = obj.storage, obj.rest
            self.write(pickle.MARK)
            # The marker inside would be taken for a storage of its own.
            self.write(pickle.MARK)
            for part in pid:
                self.save(part, save_persistent_id=False)
            self.write(pickle.TUPLE + pickle.BINPERSID)
            for part in (offset, shape, strides, grad):
                self.save(part)
            self.write(pickle.TUPLE + pickle.REDUCE)
            return
        super().save(obj, save_persistent_id)


def write(path, state, storages, header=None):
    """Writes the layout of PyTorch before 1.6."""
    if header is None:
        header = (MAGIC_NUMBER, PROTOCOL_VERSION, {"little_endian": True})
    with open(path, "wb") as file:
        for part in (*header, state, list(storages)):
            Writer(file, protocol=2).dump(part)
        for values in storages.values():
            file.write(struct.pack("<q", values.size) + values.tobytes())
    return path


def write_state(path, tensors):
    """Writes arrays as contiguous float32 tensors."""
    storages = {str(i): np.float32(x).ravel() for i, x in enumerate(tensors.values())}
    state = {}
    for key, (name, array) in zip(storages, tensors.items(), strict=True):
        strides = tuple(int(np.prod(array.shape[i + 1 :])) for i in range(array.ndim))
        state[name] = Tensor(key, "FloatStorage", array.size, array.shape, strides)
    return write(path, state, storages)


@pytest.fixture(scope="session")
def torch_files():
    """`write`, `write_state`, and what they write: `Tensor`, `Global`."""
    return types.SimpleNamespace(write=write, write_state=write_state, Tensor=Tensor, Global=Global)
