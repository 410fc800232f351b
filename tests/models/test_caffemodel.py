"""Reading the wire format against a writer of its own."""

import numpy as np
import pytest

from semreg_tf.models.caffemodel import read_caffemodel


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, payload):
    if isinstance(payload, int):
        return varint(number << 3) + varint(payload)
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def blob(array, old=False, double=False):
    if old:
        sides = (1,) * (4 - array.ndim) + array.shape
        header = b"".join(field(k, side) for k, side in enumerate(sides, start=1))
    else:
        header = field(7, field(1, b"".join(varint(side) for side in array.shape)))
    data = (
        field(8, array.astype("<f8").tobytes())
        if double
        else (field(5, array.astype("<f4").tobytes()))
    )
    return header + data


def net(layers, old=False):
    """A NetParameter with fields beside the ones that are read: names, types, phases."""
    out = field(1, b"Net")
    if old:
        for name, arrays in layers.items():
            blobs = b"".join(field(6, blob(a, old=True)) for a in arrays)
            out += field(2, field(2, b"data") + field(4, name.encode()) + field(5, 4) + blobs)
        return out
    for name, arrays in layers.items():
        blobs = b"".join(field(7, blob(a)) for a in arrays)
        layer = field(1, name.encode()) + field(2, b"Convolution") + field(10, 1) + blobs
        out += field(100, layer)
    return out


def layers():
    rng = np.random.default_rng(0)
    arrays = {
        "data": [],
        "conv1": [rng.normal(size=(4, 3, 2, 5)), rng.normal(size=4)],
        "fc6": [rng.normal(size=(6, 300)), rng.normal(size=6)],
    }
    return {name: [a.astype("float32") for a in blobs] for name, blobs in arrays.items()}


def test_reads_files_of_today(tmp_path):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(net(layers()))
    read = read_caffemodel(path)
    assert list(read) == ["conv1", "fc6"]
    for name, arrays in read.items():
        for a, b in zip(arrays, layers()[name], strict=True):
            np.testing.assert_array_equal(a, b)


def test_reads_files_of_2014(tmp_path):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(net(layers(), old=True))
    read = read_caffemodel(path)
    assert [a.shape for a in read["fc6"]] == [(1, 1, 6, 300), (1, 1, 1, 6)]
    for name, arrays in read.items():
        for a, b in zip(arrays, layers()[name], strict=True):
            np.testing.assert_array_equal(a, b.reshape(a.shape))


def test_reads_double_precision(tmp_path):
    path = tmp_path / "net.caffemodel"
    values = np.random.default_rng(0).normal(size=(3, 2))
    layer = field(1, b"fc") + field(7, blob(values, double=True))
    path.write_bytes(field(100, layer))
    np.testing.assert_array_equal(read_caffemodel(path)["fc"][0], values)


def error(path, kind=ValueError):
    with pytest.raises(kind) as info:
        read_caffemodel(path)
    assert str(path) in str(info.value) and "\n" not in str(info.value)
    return str(info.value)


def test_a_missing_file(tmp_path):
    assert "`caffemodel` must be the path" in error(tmp_path / "no.caffemodel", FileNotFoundError)


def test_a_file_cut_short(tmp_path):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(net(layers())[:-7])
    assert "must be a whole binary NetParameter" in error(path)


def test_another_kind_of_file(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text('name: "CaffeNet"\ninput: "data"')
    assert "must be a whole binary NetParameter" in error(path)


def test_no_weights(tmp_path):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(net({"data": []}))
    assert "must hold layers with weights" in error(path)


def test_numbers_that_do_not_fill_the_shape(tmp_path):
    path = tmp_path / "net.caffemodel"
    broken = field(7, field(1, varint(5))) + field(5, np.zeros(4, "<f4").tobytes())
    path.write_bytes(field(100, field(1, b"conv9") + field(7, broken)))
    assert "must have as many values in layer 'conv9' as its shape" in error(path)
