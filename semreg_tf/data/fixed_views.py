"""Fixed views of images, for caching a frozen encoder's features."""

import tensorflow as tf

# Side of a corner crop relative to the image's, 227 / 256 as in Caffe.
CROP_SHARE = 227 / 256


def fixed_views(images: tf.Tensor, views: int) -> list[tf.Tensor]:
    """Returns 1, 2 or 10 views of each image, the image itself first.

    Args:
      images: (batch, size, size, 3) float32, normalised.
      views: 1: the image; 2: the image and its mirror image; 10: the image, four corner crops
        resized to its size, and the mirror images of these five, as in Caffe's oversampling.

    Returns:
      `views` tensors of the images' shape.

    Raises:
      ValueError: another number of views.
    """
    if views not in (1, 2, 10):
        raise ValueError(f"`views` must be 1, 2 or 10. Received: views={views}")
    results = [images]
    if views == 10:
        size = images.shape[1] or tf.shape(images)[1]
        edge = 1 - CROP_SHARE
        corners = [(y, x, y + CROP_SHARE, x + CROP_SHARE) for y in (0, edge) for x in (0, edge)]
        index = tf.range(tf.shape(images)[0])
        for corner in corners:
            boxes = tf.tile(tf.constant([corner], tf.float32), (tf.shape(images)[0], 1))
            results.append(tf.image.crop_and_resize(images, boxes, index, (size, size)))
    if views > 1:
        results += [tf.image.flip_left_right(view) for view in results]
    return results
