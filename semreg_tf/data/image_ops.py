"""Pictures as encoders expect them, from encoded bytes, as graph ops for pipelines and exports.

The recipe is im2txt's: the whole picture is resized to a square without keeping its proportions
(346 x 346 for an input of 299), of which training takes a random crop and evaluation the centre.
The crop is taken before the resizing where it can be, so that a JPEG is only decoded inside it.

JPEG (grey, RGB, CMYK and YCCK, the latter two without their colour profile), PNG, BMP and a GIF's
first frame are read; transparency and EXIF orientation are ignored. Anything else, and a truncated
file, is TensorFlow's InvalidArgumentError.
"""

import functools

import numpy as np
import tensorflow as tf

from semreg_tf.config import ImageConfig
from semreg_tf.data.colour_jitter import jitter

# Means and deviations of ImageNet as Caffe's models and PyTorch's state them.
CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)
TORCH_MEAN = (0.485, 0.456, 0.406)
TORCH_DEVIATION = (0.229, 0.224, 0.225)

# By how much of a source pixel a crop's edges may be off.
EDGE_TOLERANCE = 1 / 16
# The longest side, in pixels, of which a crop's window is looked up; of longer ones all is decoded.
LONGEST_SIDE = 4096
# Up to how many times longer sides than the resized ones pay to be cast before.
CAST_RATIO = 2

# The range of [0, 255] in each mode, before its mean and deviation.
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
    """Returns an image as an encoder's published weights expect it.

    Args:
      image: RGB in [0, 255], (..., 3) float32.
      mode: "raw": unchanged; "unit": [0, 1]; "inception": [-1, 1]; "torch": unit, less ImageNet's
        mean, by its deviation; "caffe": BGR, less ImageNet's mean; "efficientnet_lite":
        (image - 127) / 128.

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
    """Returns values in [0, 255] as float32 in [low, high]."""
    image = tf.cast(image, tf.float32)
    return image if (low, high) == (0.0, 255.0) else image * ((high - low) / 255) + low


def _finish(image: tf.Tensor, mode: str) -> tf.Tensor:
    """Returns a picture that has the range of its mode, less the mode's mean."""
    if mode == "caffe":
        return tf.reverse(image, [-1]) - CAFFE_MEAN_BGR
    return (image - TORCH_MEAN) / TORCH_DEVIATION if mode == "torch" else image


def resized_side(size: int, resize_ratio: float) -> int:
    """Returns the side of the square a picture is resized to before its crop of `size`."""
    if size < 1 or resize_ratio < 1.0:
        raise ValueError(
            "`size` must be at least 1 and `resize_ratio` at least 1.0. "
            f"Received: size={size}, resize_ratio={resize_ratio}"
        )
    return round(size * resize_ratio)


@functools.cache
def _window_table(resized: int, size: int) -> np.ndarray:
    """Returns the window of every crop of one axis, by the picture's side and the crop's offset.

    A window is the crop widened to where edges of resized and of source pixels meet within
    `EDGE_TOLERANCE`, at worst to the whole side, so that resizing the window alone samples where
    resizing the picture would. Sides smaller than `resized` are taken whole, since there samples
    reach beyond the window.

    Args:
      resized: the side of the square pictures are resized to.
      size: the crop's side.

    Returns:
      (LONGEST_SIDE + 2, resized - size + 1, 4) int32: the first source pixel and how many there
      are, the resized pixels they become, and how many of these are before the crop. The last row
      stands for longer sides: -1 source pixels are all of them.
    """
    sides, ends = np.arange(LONGEST_SIDE + 1)[:, None], np.arange(resized + 1)
    edges = ends * sides / resized
    pixels = np.rint(edges).astype(int)
    meet = (np.abs(edges - pixels) <= EDGE_TOLERANCE) & (sides >= resized)
    first = np.maximum.accumulate(np.where(meet, ends, 0), 1)[:, : resized - size + 1]
    last = np.where(meet, ends, resized)[:, ::-1]
    last = np.minimum.accumulate(last, 1)[:, ::-1][:, size:]
    start, offsets = pixels[sides, first], np.arange(resized - size + 1)
    windows = np.stack([start, pixels[sides, last] - start, last - first, offsets - first], -1)
    longer = [(0, -1, resized, offset) for offset in offsets]
    return np.concatenate([windows, [longer]]).astype(np.int32)


def _windows(
    shape: tf.Tensor, resized: int, size: int, offsets: tf.Tensor | None
) -> list[tf.Tensor]:
    """Returns the source rows and columns a crop needs, and what they become.

    Args:
      shape: height and width of the picture, (2,) int32. Of sides beyond `LONGEST_SIDE` all is
        needed.
      resized: the side of the square it is resized to.
      size: the crop's side.
      offsets: the crop's first row and column in that square, (2,) int32; None: the centre.

    Returns:
      The first source pixels, how many there are, the resized pixels they become, and how many of
      these are before the crop: each (2,) int32.
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
    """Returns a crop of the resized picture, (size, size, 3) float32.

    Args:
      encoded: the file's bytes, a scalar string.
      resized: the side of the square the picture is resized to.
      size: the crop's side.
      offsets: the crop's first row and column in that square, (2,) int32; None: the centre.
      scale: what 0 and 255 become.
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
    """Returns bilinear samples between both values of `scale`, (1, height, width, 3) float32.

    TensorFlow samples floats twice as fast as bytes, but floats of a large picture take four times
    its memory, and most of them are never looked at: up to `most_cast` values are cast before.
    Scaling commutes with sampling; `dequantize` casts and scales in one pass.
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
    """Returns the centre of the resized picture.

    Args:
      encoded: the file's bytes, a scalar string.
      size: the side of the encoder's input in pixels.
      resize_ratio: the side of the resized square over `size`.
      mode: of `normalise`.

    Returns:
      (size, size, 3) float32, equal to resizing and cropping but for `EDGE_TOLERANCE`.
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
    """Returns a crop of the resized picture, mirrored and recoloured as the seed has it.

    Args:
      encoded: the file's bytes, a scalar string.
      size: the side of the encoder's input in pixels.
      mode: of `normalise`.
      config: the resized square, and which of crop, mirroring and colour are drawn.
      seed: (2,) int32 or int64; equal seeds give equal pictures.

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
