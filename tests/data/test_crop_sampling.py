"""A picture's centre sampled by NumPy is, number for number, what the graph samples."""

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.data import image_ops
from semreg_tf.data.crop_sampling import sampled_centre


# Smaller than the resized square, of its size, larger with and without edges that meet, and longer
# than the windows are known for.
@pytest.mark.parametrize("shape", [(20, 31), (37, 37), (375, 500), (333, 97), (40, 4200)])
def test_the_centre_is_the_graphs(shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    encoded = tf.io.encode_png(pixels, compression=1)
    graph = image_ops.decode_for_evaluation(encoded, 32, 37 / 32, "raw")
    np.testing.assert_allclose(sampled_centre(pixels, 37, 32), graph, rtol=0, atol=1e-3)
