"""Pictures as encoders expect them, from encoded bytes, as graph ops for pipelines and exports.

The recipe is im2txt's: the whole picture is resized to a square without keeping its proportions
(346 x 346 for an input of 299), of which training takes a random crop and evaluation the centre.
The crop is taken before the resizing where it can be, so that a JPEG is only decoded inside it.

JPEG (grey, RGB, CMYK and YCCK, the latter two without their colour profile), PNG, BMP and a GIF's
first frame are read; transparency and EXIF orientation are ignored. Anything else, and a truncated
file, is TensorFlow's InvalidArgumentError.
"""

import tensorflow as tf

# Means and deviations of ImageNet as Caffe's models and PyTorch's state them.
CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)
TORCH_MEAN = (0.485, 0.456, 0.406)
TORCH_DEVIATION = (0.229, 0.224, 0.225)

# im2txt's colour jitter, on a scale of [0, 1].
MAX_BRIGHTNESS, MAX_HUE, FACTORS = 32 / 255, 0.032, (0.5, 1.5)

# By how much of a source pixel a crop's edges may be off.
EDGE_TOLERANCE = 1 / 16

NORMALISATIONS = ("raw", "unit", "inception", "torch", "caffe")


def normalise(image: tf.Tensor, mode: str) -> tf.Tensor:
    """Returns an image as an encoder's published weights expect it.

    Args:
      image: RGB in [0, 255], (..., 3) float32.
      mode: "raw": unchanged; "unit": [0, 1]; "inception": [-1, 1]; "torch": unit, less ImageNet's
        mean, by its deviation; "caffe": BGR, less ImageNet's mean.

    Raises:
      ValueError: an unknown mode.
    """
    if mode not in NORMALISATIONS:
        raise ValueError(
            f"`mode` must be one of {', '.join(map(repr, NORMALISATIONS))}. Received: mode={mode!r}"
        )
    if mode == "caffe":
        return tf.reverse(image, [-1]) - CAFFE_MEAN_BGR
    if mode == "inception":
        return image / 127.5 - 1.0
    image = image if mode == "raw" else image / 255.0
    return (image - TORCH_MEAN) / TORCH_DEVIATION if mode == "torch" else image


def resized_side(size: int, resize_ratio: float) -> int:
    """Returns the side of the square a picture is resized to before its crop of `size`."""
    if size < 1 or resize_ratio < 1.0:
        raise ValueError(
            "`size` must be at least 1 and `resize_ratio` at least 1.0. "
            f"Received: size={size}, resize_ratio={resize_ratio}"
        )
    return round(size * resize_ratio)


def _windows(shape: tf.Tensor, resized: int, offsets: tf.Tensor, size: int) -> tuple:
    """Returns the source rows and columns a crop needs, and the resized ones they become.

    The crop is widened to where edges of resized and of source pixels meet within
    `EDGE_TOLERANCE`, at worst to the whole picture, so that resizing the window alone samples
    where resizing the picture would. Pictures smaller than `resized` are taken whole, since there
    samples reach beyond the window.

    Args:
      shape: height and width of the picture, (2,) int32.
      resized: the side of the square it is resized to.
      offsets: the crop's first row and column in that square, (2,) int32.
      size: the crop's side.

    Returns:
      First and past-the-last source pixels, then resized pixels, each (2,) int32.
    """
    shape, offsets = shape[:, None], offsets[:, None]
    ends = tf.range(resized + 1)[None]
    edges = tf.cast(ends, tf.float32) * tf.cast(shape, tf.float32) / resized
    rounded = tf.round(edges)
    meet = (tf.abs(edges - rounded) <= EDGE_TOLERANCE) & (shape >= resized)
    first = tf.reduce_max(tf.where(meet & (ends <= offsets), ends, 0), axis=1)
    last = tf.reduce_min(tf.where(meet & (ends >= offsets + size), ends, resized), axis=1)
    pixels = tf.cast(rounded, tf.int32)
    start = tf.gather(pixels, first, axis=1, batch_dims=1)
    stop = tf.gather(pixels, last, axis=1, batch_dims=1)
    return start, stop, first, last


def _decode_crop(encoded: tf.Tensor, resized: int, offsets: tf.Tensor, size: int) -> tf.Tensor:
    """Returns a crop of the resized picture, (size, size, 3) float32 in [0, 255]."""

    def window_of(shape: tf.Tensor) -> tuple:
        start, stop, first, last = _windows(shape, resized, offsets, size)
        return tf.concat([start, stop - start], 0), first, last

    def from_jpeg() -> tuple:
        window, first, last = window_of(tf.image.extract_jpeg_shape(encoded)[:2])
        return tf.io.decode_and_crop_jpeg(encoded, window, channels=3), first, last

    def from_other() -> tuple:
        picture = tf.io.decode_image(encoded, channels=3, expand_animations=False)
        picture = tf.ensure_shape(picture, (None, None, 3))
        window, first, last = window_of(tf.shape(picture)[:2])
        y, x, height, width = tf.unstack(window)
        return picture[y : y + height, x : x + width], first, last

    pixels, first, last = tf.cond(tf.io.is_jpeg(encoded), from_jpeg, from_other)
    y, x = tf.unstack(offsets - first)
    image = tf.image.resize(pixels, last - first)[y : y + size, x : x + size]
    return tf.ensure_shape(image, (size, size, 3))


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
    offsets = tf.fill([2], (resized - size) // 2)
    return normalise(_decode_crop(encoded, resized, offsets, size), mode)


def decode_for_training(
    encoded: tf.Tensor,
    size: int,
    resize_ratio: float,
    mode: str,
    *,
    random_crop: bool,
    random_flip: bool,
    color_jitter: bool,
    seed: tf.Tensor,
) -> tf.Tensor:
    """Returns a crop of the resized picture, mirrored and recoloured as the seed has it.

    Args:
      encoded: the file's bytes, a scalar string.
      size: the side of the encoder's input in pixels.
      resize_ratio: the side of the resized square over `size`.
      mode: of `normalise`.
      random_crop: a crop anywhere; otherwise the centre.
      random_flip: mirror every other picture.
      color_jitter: im2txt's distortions of colour.
      seed: (2,) int32 or int64; equal seeds give equal pictures.

    Returns:
      (size, size, 3) float32.
    """
    resized = resized_side(size, resize_ratio)
    crop_seed, flip_seed, color_seed = tf.unstack(tf.random.split(seed, 3))
    offsets = tf.fill([2], (resized - size) // 2)
    if random_crop:
        offsets = tf.random.stateless_uniform([2], crop_seed, 0, resized - size + 1, tf.int32)
    image = _decode_crop(encoded, resized, offsets, size)
    if random_flip:
        image = tf.image.stateless_random_flip_left_right(image, flip_seed)
    if color_jitter:
        image = _jitter(image, color_seed)
    return normalise(image, mode)


def _jitter(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns im2txt's colour distortion of an image in [0, 255], in one of its two orders."""
    order_seed, *seeds = tf.unstack(tf.random.split(seed, 5))

    def brightness(x: tf.Tensor) -> tf.Tensor:
        return tf.image.stateless_random_brightness(x, MAX_BRIGHTNESS, seeds[0])

    def saturation(x: tf.Tensor) -> tf.Tensor:
        return tf.image.stateless_random_saturation(x, *FACTORS, seeds[1])

    def hue(x: tf.Tensor) -> tf.Tensor:
        return tf.image.stateless_random_hue(x, MAX_HUE, seeds[2])

    def contrast(x: tf.Tensor) -> tf.Tensor:
        return tf.image.stateless_random_contrast(x, *FACTORS, seeds[3])

    image = brightness(image / 255.0)

    def contrast_last() -> tf.Tensor:
        return contrast(hue(saturation(image)))

    def contrast_first() -> tf.Tensor:
        return hue(saturation(contrast(image)))

    coin = tf.random.stateless_uniform([], order_seed) < 0.5
    image = tf.cond(coin, contrast_last, contrast_first)
    return tf.clip_by_value(image, 0.0, 1.0) * 255.0
