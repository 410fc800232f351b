"""Two views of an image at test: the image and its mirror image, whose outputs are averaged.

Inputs have the rows of all images, followed by those of their mirror images.
"""

from collections.abc import Callable

import tensorflow as tf

Tensors = dict[str, tf.Tensor]
# Rank of a batch of a frozen encoder's outputs with an axis of views.
_RANKS = {"features": 3, "spatial_features": 4}


def both_views(inputs: Tensors) -> Tensors:
    """Returns a model's inputs with twice the rows.

    Args:
      inputs: `image` (batch, height, width, 3), or outputs of the encoder with an axis of views:
        `features` (batch, 2, d) and `spatial_features` (batch, 2, cells, d); other inputs, which
        are the same for both views.

    Raises:
      ValueError: outputs of the encoder have no axis of views.
    """

    def doubled(name: str, tensor: tf.Tensor) -> tf.Tensor:
        if name not in _RANKS:
            return _with_mirrored(tensor) if name == "image" else tf.concat([tensor, tensor], 0)
        if tensor.shape.rank != _RANKS[name]:
            raise ValueError(
                f"`{name}` must have two views of each image, (batch, 2, ...), because "
                f"`image.test_views` is 2. Received: {name} of shape {tuple(tensor.shape)}"
            )
        return tf.concat([tensor[:, 0], tensor[:, 1]], axis=0)

    return {name: doubled(name, tensor) for name, tensor in inputs.items()}


def mean_of_views(outputs: Tensors) -> Tensors:
    """Returns the mean of each output of `both_views` over the views, with the images' rows."""
    return {name: tf.add_n(tf.split(x, 2)) / 2 for name, x in outputs.items()}


def encoded_views(encode: Callable[[tf.Tensor], Tensors], images: tf.Tensor) -> Tensors:
    """Returns an encoder's outputs of both views of images, (batch, 2, ...)."""
    outputs = encode(_with_mirrored(images))
    return {name: tf.stack(tf.split(x, 2), axis=1) for name, x in outputs.items()}


def _with_mirrored(images: tf.Tensor) -> tf.Tensor:
    return tf.concat([images, tf.reverse(images, axis=[2])], axis=0)
