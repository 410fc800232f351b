"""A picture that cannot be decoded fails alone, inside the graph and after a round through disk."""

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.exporting.picture_decoding import decode_each

SHAPE = (4, 4, 3)


def decode(encoded):
    return tf.ensure_shape(tf.cast(tf.io.decode_png(encoded, 3), tf.float32), SHAPE)


def png(seed):
    pixels = np.random.default_rng(seed).integers(1, 256, SHAPE, np.uint8)
    return tf.io.encode_png(pixels).numpy(), pixels.astype(np.float32)


@pytest.fixture(scope="module")
def decode_batch():
    spec = tf.TensorSpec((None,), tf.string)
    return tf.function(lambda x: decode_each(x, decode, SHAPE)).get_concrete_function(spec)


@pytest.mark.parametrize("bad", [(), (0,), (5,), (0, 1, 4), tuple(range(6))])
def test_good_ones_keep_their_rows_beside_bad_ones(decode_batch, bad):
    encoded, pixels = map(list, zip(*(png(seed) for seed in range(6)), strict=True))
    for row in bad:
        encoded[row], pixels[row] = b"not a picture", np.zeros(SHAPE)
    found, valid = decode_batch(tf.constant(encoded))
    np.testing.assert_array_equal(found, np.stack(pixels))
    assert valid.numpy().tolist() == [row not in bad for row in range(6)]


def test_of_nothing_comes_nothing(decode_batch):
    found, valid = decode_batch(tf.constant([], tf.string))
    assert (found.shape, valid.shape) == ((0, *SHAPE), (0,))


def test_a_large_batch_keeps_its_order(decode_batch):
    encoded, pixels = zip(*(png(seed) for seed in range(200)), strict=True)
    found, valid = decode_batch(tf.constant(encoded))
    np.testing.assert_array_equal(found, np.stack(pixels))
    assert valid.numpy().all()


def test_a_saved_model_keeps_it(decode_batch, tmp_path):
    module = tf.Module()
    module.decode = decode_batch
    tf.saved_model.save(module, str(tmp_path))
    encoded, pixels = png(0)
    found, valid = tf.saved_model.load(str(tmp_path)).decode(tf.constant([b"", encoded, encoded]))
    np.testing.assert_array_equal(found, np.stack([np.zeros(SHAPE), pixels, pixels]))
    assert valid.numpy().tolist() == [False, True, True]
