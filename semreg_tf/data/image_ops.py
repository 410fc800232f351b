"""Graph operations from encoded image files to encoder inputs, for pipelines and exports.

As in im2txt, an image is resized to a square without keeping its aspect ratio (346 x 346 for an
input of 299), then training takes a random crop and evaluation the centre crop. The crop is taken
before resizing where possible, so that only this part of a JPEG is decoded.

JPEG (grey, RGB, CMYK and YCCK, the latter two without colour profile), PNG, BMP and the first frame
of a GIF can be read; transparency and EXIF orientation are ignored. Other and truncated files raise
TensorFlow's InvalidArgumentError.
"""

import functools

import numpy as np
import tensorflow as tf

from semreg_tf.config import ImageConfig
from semreg_tf.data.colour_jitter import jitter
from semreg_tf.data.crop_sampling import LONGEST_SIDE, crop_windows

# ImageNet's means and deviations as stated for the models of Caffe and of PyTorch.
CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)
TORCH_MEAN = (0.485, 0.456, 0.406)
TORCH_DEVIATION = (0.229, 0.224, 0.225)

# Images with sides up to so many times the resized side are cast to float before resizing.
CAST_RATIO = 2

# The range to which each mode maps [0, 255], before mean and deviation.
_RANGES = {
    "raw": (0.0, 255.0),
    "unit": (0.0, 1.0),
    "inception": (-1.0, 1.0),
    "torch": (0.0, 1.0),
    "caffe": (0.0, 255.0),
    # (x - 127) / 128
    "efficientnet_lite": (-127 / 128, 1.0),
}
NORMALISATIONS = tuple(_RANGES)


def normalise(image: tf.Tensor, mode: str) -> tf.Tensor:
    """Normalises an image as an encoder's published weights expect.

    Args:
      image: RGB in [0, 255], (..., 3) float32.
      mode: "raw": unchanged; "unit": [0, 1]; "inception": [-1, 1]; "torch": "unit", then minus
        ImageNet's mean and divided by its deviation; "caffe": BGR minus ImageNet's mean;
        "efficientnet_lite": (image - 127) / 128.

    Raises:
      ValueError: an unknown mode.
    """
    return _finish(_scaled(image, *_range(mode)), mode)


def _range(mode: str) -> tuple[float, float]:
    if mode not in NORMALISATIONS:
        raise ValueError(
            f"`mode` must be one of {', '.join(map(repr, NORMALISATIONS))}. Received: mode={mode!r}"
        )
    return _RANGES[mode]


def _scaled(image: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Maps values from [0, 255] to [low, high], float32."""
    image = tf.cast(image, tf.float32)
    return image if (low, high) == (0.0, 255.0) else image * ((high - low) / 255) + low


def _finish(image: tf.Tensor, mode: str) -> tf.Tensor:
    """Applies the mean and deviation of a mode to an image that has the mode's range."""
    if mode == "caffe":
        return tf.reverse(image, [-1]) - CAFFE_MEAN_BGR
    return (image - TORCH_MEAN) / TORCH_DEVIATION if mode == "torch" else image


def resized_side(size: int, resize_ratio: float) -> int:
    """Returns the side of the square to which an image is resized before a crop of `size`."""
    if size < 1 or resize_ratio < 1.0:
        raise ValueError(
            "`size` must be at least 1 and `resize_ratio` at least 1.0. "
            f"Received: size={size}, resize_ratio={resize_ratio}"
        )
    return round(size * resize_ratio)


@functools.cache
def _window_table(resized: int, size: int) -> np.ndarray:
    """Returns the windows of all crops along one axis, by the image's side and the crop's offset.

    Returns:
      (LONGEST_SIDE + 2, resized - size + 1, 4) int32, of `crop_windows`. The last row stands for
      longer sides: -1 source pixels are all of them.
    """
    windows = crop_windows(np.arange(LONGEST_SIDE + 1), resized, size)
    longer = [(0, -1, resized, offset) for offset in range(resized - size + 1)]
    return np.concatenate([windows, [longer]]).astype(np.int32)


def _windows(
    shape: tf.Tensor, resized: int, size: int, offsets: tf.Tensor | None
) -> list[tf.Tensor]:
    """Returns the windows of source rows and columns that a crop needs.

    Args:
      shape: height and width of the image, (2,) int32.
      resized: side of the square to which it is resized.
      size: side of the crop.
      offsets: first row and column of the crop in that square, (2,) int32; None: the centre.

    Returns:
      The first source pixels, the numbers of source pixels, the numbers of resized pixels, and how
      many of these precede the crop, each (2,) int32.
    """
    table = _window_table(resized, size)
    sides = tf.minimum(shape, LONGEST_SIDE + 1)
    if offsets is None:
        windows = tf.gather(table[:, (resized - size) // 2], sides)
    else:
        windows = tf.gather_nd(table, tf.stack([sides, offsets], 1))
    start, extent, resized_extent, before = tf.unstack(windows, axis=1)
    return [start, tf.where(extent < 0, shape, extent), resized_extent, before]


def _decode_crop(
    encoded: tf.Tensor,
    resized: int,
    size: int,
    offsets: tf.Tensor | None,
    scale: tuple[float, float],
) -> tf.Tensor:
    """Returns a crop of the resized image, (size, size, 3) float32.

    Args:
      encoded: bytes of the image file, a scalar string.
      resized: side of the square to which the image is resized.
      size: side of the crop.
      offsets: first row and column of the crop in that square, (2,) int32; None: the centre.
      scale: the values to which 0 and 255 are mapped.
    """

    def from_jpeg() -> tuple:
        shape = tf.image.extract_jpeg_shape(encoded)[:2]
        start, extent, *target = _windows(shape, resized, size, offsets)
        window = tf.concat([start, extent], 0)
        return tf.io.decode_and_crop_jpeg(encoded, window, channels=3), *target

    def from_other() -> tuple:
        picture = tf.io.decode_image(encoded, channels=3, expand_animations=False)
        picture = tf.ensure_shape(picture, (None, None, 3))
        start, extent, *target = _windows(tf.shape(picture)[:2], resized, size, offsets)
        begin, length = tf.concat([start, [0]], 0), tf.concat([extent, [3]], 0)
        return tf.slice(picture, begin, length), *target

    pixels, shape, before = tf.cond(tf.io.is_jpeg(encoded), from_jpeg, from_other)
    image = _resize(pixels, shape, 3 * (CAST_RATIO * resized) ** 2, scale)
    image = tf.slice(image, tf.concat([[0], before, [0]], 0), (1, size, size, 3))
    return tf.reshape(image, (size, size, 3))


def _resize(
    pixels: tf.Tensor, shape: tf.Tensor, most_cast: int, scale: tuple[float, float]
) -> tf.Tensor:
    """Resizes bilinearly and maps [0, 255] to `scale`, (1, height, width, 3) float32.

    TensorFlow samples floats twice as fast as bytes, but the floats of a large image need four
    times the memory, and most are not sampled. So only images of up to `most_cast` values are cast
    first. Mapping commutes with sampling; `dequantize` casts and maps in one pass.
    """
    sample = functools.partial(
        tf.raw_ops.ResizeBilinear, size=shape, align_corners=False, half_pixel_centers=True
    )

    def cast_before() -> tf.Tensor:
        quantised = tf.bitcast(pixels, tf.quint8)
        return sample(
            images=tf.quantization.dequantize(quantised, *scale, mode="MIN_COMBINED")[None]
        )

    def cast_while_sampling() -> tf.Tensor:
        return _scaled(sample(images=pixels[None]), *scale)

    return tf.cond(tf.size(pixels) <= most_cast, cast_before, cast_while_sampling)


def decode_for_evaluation(
    encoded: tf.Tensor, size: int, resize_ratio: float, mode: str
) -> tf.Tensor:
    """Returns the centre crop of the resized image.

    Args:
      encoded: bytes of the image file, a scalar string.
      size: side of the encoder's input in pixels.
      resize_ratio: side of the resized square relative to `size`.
      mode: a mode of `normalise`.

    Returns:
      (size, size, 3) float32, equal to resizing and cropping up to `EDGE_TOLERANCE`.
    """
    resized = resized_side(size, resize_ratio)
    return _finish(_decode_crop(encoded, resized, size, None, _range(mode)), mode)


def decode_for_training(
    encoded: tf.Tensor,
    size: int,
    mode: str,
    config: ImageConfig,
    seed: tf.Tensor,
) -> tf.Tensor:
    """Returns a crop of the resized image with random augmentation.

    Args:
      encoded: bytes of the image file, a scalar string.
      size: side of the encoder's input in pixels.
      mode: a mode of `normalise`.
      config: the resize ratio, and which augmentations are on.
      seed: (2,) int32 or int64; equal seeds give equal results.

    Returns:
      (size, size, 3) float32.
    """
    resized = resized_side(size, config.resize_ratio)
    crop_seed, flip_seed, color_seed = tf.unstack(tf.random.split(seed, 3))
    offsets = None
    if config.random_crop:
        offsets = tf.random.stateless_uniform([2], crop_seed, 0, resized - size + 1, tf.int32)
    low, high = _range(mode)
    scale = _RANGES["unit"] if config.color_jitter else (low, high)
    image = _decode_crop(encoded, resized, size, offsets, scale)
    if config.random_flip:
        image = tf.image.stateless_random_flip_left_right(image, flip_seed)
    if config.color_jitter:
        image = jitter(image, color_seed, low, high)
    return _finish(image, mode)
