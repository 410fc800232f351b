"""One reading of picture files for preparation, annotation and serving: upright, RGB, eight bits.

docs/pictures.md has the table of formats. What the decoders of an export's graph read alike
(`is_read_by_graph`) is passed on byte for byte; everything else is decoded here.
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

# Pillow's names. Formats that run other programs (EPS) or that no camera writes are left out.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "HEIF", "JPEG2000", "PPM")
JPEG_FORMATS = ("JPEG", "MPO")
# Pillow's own limit: a file that unpacks to more is refused, not unpacked.
MAX_PIXELS = 178_956_970
# A JPEG's longest side: pictures that cannot be prepared are not annotated either.
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
# The ranges of numbers whose file does not state one, smallest first.
_INTEGER_RANGES, _FLOAT_RANGES = (255, 65_535, 2**31 - 1), (1, 255, 65_535)

# Pillow warns of large pictures and of damaged metadata, on stderr and in its own terms; what
# stands in the way of a picture is told by the error below.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class UnreadablePictureError(ValueError):
    """A picture that cannot be read; the message is the reason, in one line without a name."""


@functools.cache
def readable_formats() -> tuple[str, ...]:
    """Returns those of `FORMATS` that this installation reads; HEIF needs the extra `heic`."""
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


@contextlib.contextmanager
def open_picture(data: bytes, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Opens a picture by its header; whatever goes wrong in the block is one kind of error.

    Args:
      data: the file.
      max_pixels: more are refused before anything is unpacked.

    Yields:
      The picture, its pixels not yet read.

    Raises:
      UnreadablePictureError: empty, of no known format, too large, or damaged.
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
    # A damaged file raises whatever the reader of its format runs into.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadablePictureError(f"damaged: {reason}") from error


def orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation of a picture, 1 (upright) to 8; 1 where none can be read.

    Raises:
      OSError: the pixels of a PNG, whose metadata may follow them, are damaged.
    """
    if image.format == "PNG":
        # `getexif` would do so, and the damage would be taken for that of the metadata.
        image.load()
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    # Viewers show a picture whose metadata are damaged as it is stored.
    except Exception:
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


def is_turned(image: Image.Image) -> bool:
    """Returns whether a picture is stored otherwise than it is shown."""
    # HEIF's reader turns pictures itself and keeps here what the tag said.
    return orientation(image) != 1 or image.info.get("original_orientation") not in (None, 1)


def is_deep(image: Image.Image, data: bytes) -> bool:
    """Returns whether a grey, PNG or TIFF picture has more than eight bits a channel."""
    if image.mode[0] in "IF":
        return True
    if image.format == "PNG":
        return data[_PNG_DEPTH_BYTE] > 8
    return image.format == "TIFF" and max(image.tag_v2.get(_TIFF_BITS, (8,))) > 8


def is_read_by_graph(image: Image.Image, data: bytes) -> bool:
    """Returns whether TensorFlow's decoders make of a file the pixels that `upright` makes.

    These are upright JPEGs and opaque PNGs of eight bits, either of them grey or RGB.
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
    """Reads a file to its end, to find damage; of a JPEG at an eighth of its size.

    The picture is of no other use afterwards.
    """
    image.draft(image.mode, (max(1, image.width // 8), max(1, image.height // 8)))
    image.load()


def upright(image: Image.Image) -> Image.Image:
    """Decodes a picture of `open_picture`, the first one where there are several.

    Returns:
      RGB of eight bits a channel, turned as its EXIF orientation says, over white where it is
      transparent; deeper numbers are scaled. Colour profiles are not applied.

    Raises:
      UnreadablePictureError: numbers of no known range.
    """
    # A TIFF's reader turns it itself and takes the tag away.
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
    """Returns a picture as bytes that the decoders in an export's graph read right.

    Args:
      data: the file.
      max_pixels: as in `open_picture`.
      whole: whether a file that is passed on as it is is read to its end here, to find damage;
        False: the graph finds it.

    Returns:
      `data` itself where the graph reads it right, otherwise a PNG, which loses nothing.

    Raises:
      UnreadablePictureError: as `open_picture`.
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
            f"it has {width} x {height} pixels; at most {max_pixels:,} are taken"
        )
    if max(image.size) > MAX_SIDE:
        raise UnreadablePictureError(
            f"it has {width} x {height} pixels; a side of at most {MAX_SIDE:,} is taken"
        )


def _check_parts(image: Image.Image, data: bytes) -> None:
    """Refuses damaged PNGs, and a camera's raw file, a TIFF that begins with a thumbnail."""
    damage = png_damage(data) if image.format == "PNG" else None
    if damage is not None:
        raise UnreadablePictureError(f"damaged: {damage}")
    if image.format == "TIFF" and image.tag_v2.get(_TIFF_SUBFILE_TYPE, 0) & 1:
        raise UnreadablePictureError("a camera's raw file: convert it to JPEG or TIFF first")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Returns a grey picture of 16 or 32 bits or of floats in eight bits."""
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        return Image.fromarray((values >> 8).astype(np.uint8))
    low, high = float(values.min()), float(values.max())
    ranges = _FLOAT_RANGES if image.mode == "F" else _INTEGER_RANGES
    if image.format == "PPM":
        # Pillow scales these to 16 bits.
        ranges = (65_535,)
    top = next((top for top in ranges if high <= top), None)
    # Comparisons with what is no number are false.
    if top is None or not low >= 0:
        raise UnreadablePictureError(
            f"its values, {low:g} to {high:g}, are in none of the ranges "
            f"{', '.join(f'0 to {top:,}' for top in ranges)}"
        )
    return Image.fromarray(np.rint(values * (255.0 / top)).astype(np.uint8))
