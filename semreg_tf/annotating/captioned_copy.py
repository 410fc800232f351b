"""Copies of pictures with the caption below."""

import hashlib
import io
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from semreg_tf.annotating.copied_metadata import exif_of_copy, metadata_of
from semreg_tf.data.picture_decoding import open_picture, upright

_SMALLEST_FONT, _LINES_PER_WIDTH = 14, 28
_QUALITY = 90

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def captioned_jpeg(data: bytes, text: str, font_file: str | None = None) -> bytes:
    """Returns a copy of a picture with the text, black on white, below it.

    Args:
      data: the bytes of a readable picture file.
      text: the text, which is broken into lines.
      font_file: a TrueType or OpenType file; None: Pillow's font, which has only Latin letters.

    Returns:
      A JPEG as wide as the upright picture, with the picture's EXIF, XMP and, of an RGB picture,
      colour profile.
    """
    with open_picture(data) as opened:
        picture, metadata = upright(opened), metadata_of(opened)
    size = max(_SMALLEST_FONT, picture.width // _LINES_PER_WIDTH)
    font = _font(font_file, size)
    margin = size // 2
    lines = wrap(text, font, max(picture.width - 2 * margin, 1))
    line_height = round(1.3 * size)
    height = picture.height + 2 * margin + line_height * len(lines)
    copy = Image.new("RGB", (picture.width, height), "white")
    copy.paste(picture, (0, 0))
    draw = ImageDraw.Draw(copy)
    for i, line in enumerate(lines):
        draw.text((margin, picture.height + margin + i * line_height), line, "black", font)
    if "exif" in metadata:
        metadata["exif"] = exif_of_copy(metadata["exif"], copy.size)
    return _saved(copy, metadata)


def _saved(copy: Image.Image, metadata: dict[str, Any]) -> bytes:
    """Returns a JPEG; metadata that is too large for a JPEG is left out."""
    for left_out in ((), ("exif",), ("exif", "xmp", "icc_profile")):
        out = io.BytesIO()
        included = {name: value for name, value in metadata.items() if name not in left_out}
        try:
            copy.save(out, "JPEG", quality=_QUALITY, **included)
            break
        except ValueError:
            if not included:
                raise
    return out.getvalue()


def wrap(text: str, font: Font, width: float) -> list[str]:
    """Returns lines of at most `width` pixels; a word that is longer is broken too."""
    lines, line = [], ""
    for word in text.split():
        longer_line = f"{line} {word}".lstrip()
        if font.getlength(longer_line) <= width:
            line = longer_line
            continue
        lines += [line] if line else []
        while font.getlength(word) > width and len(word) > 1:
            num_fitting = next(
                (n for n in range(len(word) - 1, 1, -1) if font.getlength(word[:n]) <= width), 1
            )
            lines.append(word[:num_fitting])
            word = word[num_fitting:]
        line = word
    return [*lines, line] if line else lines


def copy_names(paths: Sequence[str], suffix: str | None = ".jpg") -> dict[str, str]:
    """Returns a distinct file name for the copy of each picture.

    Names that would be equal get a digest of the picture's path. Suffix None: the picture's.

    Example:
      >>> copy_names(["a/dog.png", "cat.jpg"])
      {'a/dog.png': 'dog.jpg', 'cat.jpg': 'cat.jpg'}
    """
    names = {path: _stem(path) + _suffix(path, suffix) for path in paths}
    # Some file systems ignore case.
    counts = Counter(name.lower() for name in names.values())
    return {
        path: name if counts[name.lower()] == 1 else unique_copy_name(path, suffix)
        for path, name in names.items()
    }


def unique_copy_name(path: str, suffix: str | None = ".jpg") -> str:
    """Returns a file name with a digest of the whole path, so that no other path's copy has it."""
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
    return f"{_stem(path)}-{digest}{_suffix(path, suffix)}"


def _suffix(path: str, suffix: str | None) -> str:
    return Path(path).suffix if suffix is None else suffix


def check_font(font_file: str | None) -> None:
    """Checks that a font can be read.

    Raises:
      ValueError: it cannot.
    """
    try:
        _font(font_file, _SMALLEST_FONT)
    except OSError as error:
        raise ValueError(
            f"`font` must be a TrueType or OpenType file ({error}). Received: font={font_file!r}"
        ) from error


def _font(font_file: str | None, size: int) -> Font:
    return ImageFont.truetype(font_file, size) if font_file else ImageFont.load_default(size)


def _stem(path: str) -> str:
    return Path(path).stem or "picture"
