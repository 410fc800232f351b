"""Gradients as the optimisers read them: one tensor, or the rows of a table that words touched."""

import keras
import tensorflow as tf

Gradient = tf.Tensor | tf.IndexedSlices


def dense(gradient: Gradient | None, variable: keras.Variable) -> tf.Tensor:
    """Returns the gradient as one tensor, repeated rows summed, zeros where there is none.

    Keras 3.15's RMSprop and Adam accumulate the squares of a repeated row one by one, which is
    wrong wherever a word repeats in a batch.
    """
    if gradient is None:
        return tf.zeros(variable.shape, variable.dtype)
    if isinstance(gradient, tf.IndexedSlices):
        return tf.math.unsorted_segment_sum(gradient.values, gradient.indices, variable.shape[0])
    return gradient


def summed_rows(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """Returns the gradient with repeated rows summed."""
    rows, positions = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, positions, tf.size(rows))
    return tf.IndexedSlices(values, rows, gradient.dense_shape)


def values(gradient: Gradient) -> tf.Tensor:
    """Returns the values of a gradient: the dense tensor, or those of its rows."""
    return gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient


def with_values(gradient: Gradient, new_values: tf.Tensor) -> Gradient:
    """Returns a copy of a gradient with other `values`."""
    if isinstance(gradient, tf.IndexedSlices):
        return tf.IndexedSlices(new_values, gradient.indices, gradient.dense_shape)
    return new_values
