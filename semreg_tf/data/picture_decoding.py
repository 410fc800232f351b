"""Decoding of picture files to upright RGB of eight bits, for preparation, annotation and serving.

docs/pictures.md has the table of formats. Files that the decoders in an export's graph read the
same way (`is_read_by_graph`) are passed on unchanged; all others are decoded here.
"""

import contextlib
import functools
import io
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import Image, UnidentifiedImageError

from semreg_tf.data.picture_kinds import kind_of_unknown
from semreg_tf.data.png_chunks import png_damage

# Pillow's names of the formats. Formats that run other programs (EPS) are left out.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "HEIF", "JPEG2000", "PPM")
JPEG_FORMATS = ("JPEG", "MPO")
# Pillow's limit against decompression bombs.
MAX_PIXELS = 178_956_970
# The longest side of a JPEG, the format in which preparation stores images.
MAX_SIDE = 65_500
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PNG_DEPTH_BYTE = 24
_TIFF_SUBFILE_TYPE, _TIFF_BITS = 254, 258
# Possible ranges of values in files that do not state theirs, smallest first.
_INTEGER_RANGES, _FLOAT_RANGES = (255, 65_535, 2**31 - 1), (1, 255, 65_535)

# Pillow's warnings about large images and damaged metadata would go to stderr; errors that matter
# are raised as `UnreadablePictureError`.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class UnreadablePictureError(ValueError):
    """A picture cannot be read; the message is the reason, one line without the file's name."""


@functools.cache
def readable_formats() -> tuple[str, ...]:
    """Returns the `FORMATS` that this installation can read; HEIF needs the extra `heic`."""
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


@contextlib.contextmanager
def open_picture(data: bytes, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Opens a picture by reading its header; all errors inside the context become one kind.

    Pictures with more than `max_pixels` are refused before they are decompressed.

    Yields:
      The picture, whose pixels are not read yet.

    Raises:
      UnreadablePictureError: the file is empty, of no known format, too large, or damaged.
    """
    if not data:
        raise UnreadablePictureError("empty file")
    try:
        with Image.open(io.BytesIO(data), formats=readable_formats()) as image:
            _check_size(image, max_pixels)
            _check_parts(image, data)
            yield image
    except UnreadablePictureError:
        raise
    except UnidentifiedImageError:
        raise UnreadablePictureError(kind_of_unknown(data)) from None
    except Image.DecompressionBombError:
        raise UnreadablePictureError(f"it has more than {max_pixels:,} pixels") from None
    except MemoryError:
        raise UnreadablePictureError("it needs more memory than there is") from None
    # Readers of damaged files may raise any exception.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadablePictureError(f"damaged: {reason}") from error


def orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation of a picture, 1 (upright) to 8; 1 if it cannot be read.

    Raises:
      OSError: the pixels of a PNG, whose metadata may follow them, are damaged.
    """
    if image.format == "PNG":
        # Loaded first, so that damaged pixels are not taken for damaged metadata by `getexif`.
        image.load()
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    # Like viewers, do not rotate a picture whose metadata are damaged.
    except Exception:
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


def is_turned(image: Image.Image) -> bool:
    """Returns whether the stored picture must be rotated or mirrored to be upright."""
    # The HEIF reader rotates pictures itself and stores the original orientation here.
    return orientation(image) != 1 or image.info.get("original_orientation") not in (None, 1)


def is_deep(image: Image.Image, data: bytes) -> bool:
    """Returns whether a grey, PNG or TIFF picture has more than eight bits a channel."""
    if image.mode[0] in "IF":
        return True
    if image.format == "PNG":
        return data[_PNG_DEPTH_BYTE] > 8
    return image.format == "TIFF" and max(image.tag_v2.get(_TIFF_BITS, (8,))) > 8


def is_read_by_graph(image: Image.Image, data: bytes) -> bool:
    """Returns whether TensorFlow's decoders give the same pixels as `upright`.

    They do for upright JPEGs and for upright, opaque PNGs of eight bits, grey or RGB.
    """
    if image.mode not in ("RGB", "L"):
        return False
    if image.format == "PNG":
        if is_deep(image, data) or image.has_transparency_data:
            return False
    elif image.format not in JPEG_FORMATS:
        return False
    return orientation(image) == 1


def read_through(image: Image.Image) -> None:
    """Decodes a picture to detect damage, a JPEG at an eighth of its size.

    The picture must not be used afterwards.
    """
    image.draft(image.mode, (max(1, image.width // 8), max(1, image.height // 8)))
    image.load()


def upright(image: Image.Image) -> Image.Image:
    """Decodes a picture of `open_picture`, or the first one if the file has several.

    Returns:
      RGB of eight bits per channel, rotated by the EXIF orientation, on white where it is
      transparent; higher bit depths are scaled. Colour profiles are not applied.

    Raises:
      UnreadablePictureError: the values are in no known range.
    """
    # The TIFF reader rotates the picture in `load` and removes the tag.
    image.load()
    turn = _TURNS.get(orientation(image))
    if image.mode[0] in "IF":
        rgb = _eight_bits(image).convert("RGB")
    elif image.has_transparency_data:
        rgba = image.convert("RGBA")
        over_white = Image.new("RGBA", rgba.size, "white")
        over_white.alpha_composite(rgba)
        rgb = over_white.convert("RGB")
    else:
        rgb = image.convert("RGB")
    return rgb if turn is None else rgb.transpose(turn)


def for_graph(data: bytes, max_pixels: int = MAX_PIXELS, whole: bool = True) -> bytes:
    """Returns a picture as bytes that the decoders in an export's graph read correctly.

    Args:
      data: the content of the file.
      max_pixels: as for `open_picture`.
      whole: whether files that are passed on unchanged are decoded here to detect damage; False:
        the graph detects it.

    Returns:
      `data` itself if the graph reads it correctly, otherwise a PNG of the decoded picture.

    Raises:
      UnreadablePictureError: as for `open_picture`.
    """
    with open_picture(data, max_pixels) as image:
        if is_read_by_graph(image, data):
            if whole:
                read_through(image)
            return data
        out = io.BytesIO()
        upright(image).save(out, "PNG", compress_level=1)
        return out.getvalue()


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise UnreadablePictureError(
            f"it has {width} x {height} pixels; at most {max_pixels:,} are allowed"
        )
    if max(image.size) > MAX_SIDE:
        raise UnreadablePictureError(
            f"it has {width} x {height} pixels; a side of at most {MAX_SIDE:,} is allowed"
        )


def _check_parts(image: Image.Image, data: bytes) -> None:
    """Refuses damaged PNGs, and cameras' raw files: TIFFs that begin with a thumbnail."""
    damage = png_damage(data) if image.format == "PNG" else None
    if damage is not None:
        raise UnreadablePictureError(f"damaged: {damage}")
    if image.format == "TIFF" and image.tag_v2.get(_TIFF_SUBFILE_TYPE, 0) & 1:
        raise UnreadablePictureError("a camera's raw file: convert it to JPEG or TIFF first")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Converts a grey picture of 16 or 32 bits or of floats to eight bits."""
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        return Image.fromarray((values >> 8).astype(np.uint8))
    low, high = float(values.min()), float(values.max())
    ranges = _FLOAT_RANGES if image.mode == "F" else _INTEGER_RANGES
    if image.format == "PPM":
        # Pillow scales PPM files to 16 bits.
        ranges = (65_535,)
    top = next((top for top in ranges if high <= top), None)
    # `not low >= 0` is also true for NaN.
    if top is None or not low >= 0:
        raise UnreadablePictureError(
            f"its values, {low:g} to {high:g}, are in none of the ranges "
            f"{', '.join(f'0 to {top:,}' for top in ranges)}"
        )
    return Image.fromarray(np.rint(values * (255.0 / top)).astype(np.uint8))
