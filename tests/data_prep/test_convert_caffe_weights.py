"""The command, from a caffemodel of full size to an encoder that loads its output."""

import numpy as np
import pytest

from semreg_tf.config import EncoderConfig
from semreg_tf.models.encoder import build_encoder
from tests.processes import run_module

SHAPES = {
    "conv1": (96, 3, 11, 11),
    "conv2": (256, 48, 5, 5),
    "conv3": (384, 256, 3, 3),
    "conv4": (384, 192, 3, 3),
    "conv5": (256, 192, 3, 3),
    "fc6": (4096, 9216),
    "fc7": (4096, 4096),
}


def run(*arguments):
    return run_module("data_prep.convert_caffe_weights", *arguments)


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


@pytest.mark.large
def test_converts_a_full_size_file(tmp_path):
    source, output = tmp_path / "net.caffemodel", tmp_path / "caffenet.weights.h5"
    rng = np.random.default_rng(0)
    kernels = {name: rng.random(shape, np.float32) for name, shape in SHAPES.items()}
    with source.open("wb") as file:
        for name, kernel in kernels.items():
            layer = field(1, name.encode())
            for array in (kernel, np.arange(len(kernel), dtype=np.float32)):
                shape = field(7, field(1, b"".join(map(varint, array.shape))))
                layer += field(7, shape + field(5, array.tobytes()))
            file.write(field(100, layer))
    result = run("--network=caffenet", f"--caffemodel={source}", f"--output={output}")
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{output}: 56,868,224 weights of caffenet\n"
    encoder = build_encoder(EncoderConfig(name="caffenet", weights=str(output)))
    kernel, bias = encoder.get_layer("conv2").get_weights()
    np.testing.assert_array_equal(kernel, kernels["conv2"].transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(bias, np.arange(256))
    # The convolutions alone serve an encoder that averages conv5.
    convolutions = build_encoder(
        EncoderConfig(name="caffenet", weights=str(output), pooling="average")
    )
    np.testing.assert_array_equal(convolutions.get_layer("conv2").kernel, kernel)


def test_a_bad_argument_is_one_line(tmp_path):
    source = tmp_path / "net.caffemodel"
    source.write_text("text")
    result = run("--network=vgg16", f"--caffemodel={source}", "--output=vgg16.weights.h5")
    assert result.returncode == 2 and result.stdout == ""
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: `caffemodel` must be a whole binary NetParameter.")
    assert "Traceback" not in result.stderr
