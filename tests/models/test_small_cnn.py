"""The demo's CNN."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.models.small_cnn import build_small_cnn


@pytest.mark.parametrize("side", [16, 96, 101])
def test_map_is_an_eighth_of_the_side(side):
    inputs = keras.Input((side, side, 3))
    spatial, top = build_small_cnn(inputs)
    assert spatial.shape == (None, -(-side // 8), -(-side // 8), 128) and top is None


def test_overfits_a_handful_of_pictures():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.GlobalAveragePooling2D()(build_small_cnn(inputs)[0])
    model = keras.Model(inputs, keras.layers.Dense(8)(x))
    images = tf.constant(np.random.default_rng(0).normal(size=(8, 32, 32, 3)), tf.float32)
    optimizer = keras.optimizers.Adam(3e-3)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.range(8), logits)
            loss = tf.reduce_mean(loss)
        optimizer.apply(tape.gradient(loss, model.trainable_variables))
        return loss

    for _ in range(40):
        loss = step()
    assert loss < 0.2
    # The moving statistics have followed within these 40 steps.
    assert (tf.argmax(model(images, training=False), 1).numpy() == np.arange(8)).all()
