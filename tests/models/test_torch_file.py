"""Files of PyTorch read without it: tensors in every layout, and nothing but tensors."""

import os
import pickle

import numpy as np
import pytest

from semreg_tf.models.torch_file import read_tensors

NUMBERS = np.arange(24, dtype=np.float32)


def test_layouts_types_and_shared_storages(torch_files, tmp_path):
    state = {
        "rows": torch_files.Tensor("a", "FloatStorage", 24, (4, 6), (6, 1)),
        "columns": torch_files.Tensor("a", "FloatStorage", 24, (6, 4), (1, 6)),
        "part": torch_files.Tensor("a", "FloatStorage", 24, (2, 3), (6, 1), offset=13),
        "scalar": torch_files.Tensor("b", "LongStorage", 1, (), ()),
        "empty": torch_files.Tensor("b", "LongStorage", 1, (0, 3), (3, 1)),
    }
    path = torch_files.write(tmp_path / "x.pth", state, {"a": NUMBERS, "b": np.array([7])})
    tensors = read_tensors(path)
    assert list(tensors) == list(state)
    rows = NUMBERS.reshape(4, 6)
    np.testing.assert_array_equal(tensors["rows"], rows)
    np.testing.assert_array_equal(tensors["columns"], rows.T)
    np.testing.assert_array_equal(tensors["part"], rows[2:4, 1:4])
    assert tensors["scalar"] == 7 and tensors["scalar"].dtype == np.int64
    assert tensors["empty"].shape == (0, 3)


def error(path):
    with pytest.raises(ValueError) as info:
        read_tensors(path)
    message = str(info.value)
    assert "\n" not in message
    assert message.startswith("`weights` must be a state dictionary of PyTorch, in its format bef")
    assert f"Received: weights={str(path)!r} (" in message
    return message


class Attack:
    """Would run a command where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("where", ["state", "header"])
def test_any_other_global_is_refused_by_name_and_nothing_runs(torch_files, tmp_path, where):
    attack = Attack(tmp_path / "ran")
    header = (attack, 1, {}) if where == "header" else None
    path = torch_files.write(tmp_path / "x.pth", {"x": attack}, {}, header)
    assert "it names posix.system, which is not part of a tensor" in error(path)
    assert not (tmp_path / "ran").exists()
    # The file is a real one: Python's own unpickler would run it.
    with open(path, "rb") as file:
        for _ in range(1 if where == "header" else 4):
            pickle.load(file)
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["torch.nn.Linear", "builtins.eval", "torch._utils._rebuild_x"])
def test_names_near_the_allowed_are_refused_too(torch_files, tmp_path, name):
    path = torch_files.write(
        tmp_path / "x.pth", {"x": torch_files.Global(*name.rsplit(".", 1))}, {}
    )
    assert f"it names {name}" in error(path)


def test_tensors_outside_their_storage_are_refused(torch_files, tmp_path):
    for shape, strides, offset in (
        ((4, 6), (6, 1), 1),
        ((5, 6), (6, 1), 0),
        ((2,), (-1,), 1),
        ((2,), (1,), -1),
        ((10**9, 10**3), (0, 0), 0),
        ((2, 2), (1,), 0),
    ):
        state = {"x": torch_files.Tensor("a", "FloatStorage", 24, shape, strides, offset)}
        path = torch_files.write(tmp_path / "x.pth", state, {"a": NUMBERS})
        assert "a tensor " in error(path)


def test_other_files_are_refused(torch_files, tmp_path):
    whole = torch_files.write_state(tmp_path / "x.pth", {"x": NUMBERS.reshape(4, 6)}).read_bytes()
    read_tensors(tmp_path / "x.pth")
    for content, reason in (
        (whole[:-4], "it is truncated"),
        (whole[:60], ""),
        (b"", ""),
        (b"PK\x03\x04 later", "it is a zip file, the format since 1.6"),
        (b"\x89HDF\r\n", ""),
    ):
        (tmp_path / "y.pth").write_bytes(content)
        assert reason in error(tmp_path / "y.pth")
    wrong = torch_files.write(tmp_path / "y.pth", {}, {}, (1, 2, {"little_endian": True}))
    assert "it does not start like a file of that format" in error(wrong)
    besides = torch_files.write(tmp_path / "y.pth", {"x": [1, 2]}, {})
    assert "it contains something other than tensors" in error(besides)
    short = {"x": torch_files.Tensor("a", "FloatStorage", 25, (4, 6), (6, 1))}
    path = torch_files.write(tmp_path / "y.pth", short, {"a": NUMBERS})
    assert "a storage has 24 values in place of 25" in error(path)
    with pytest.raises(FileNotFoundError, match="Received: weights="):
        read_tensors(tmp_path / "none.pth")
