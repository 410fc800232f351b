"""A copy of a picture with what the model says under it."""

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
    """Returns a picture with a white band below, which holds the text in black.

    Args:
      data: the file, one that the model read.
      text: what is written; lines break where they must.
      font_file: TrueType or OpenType; None: Pillow's own, which has Latin letters alone.

    Returns:
      A JPEG as wide as the picture, which lies as viewers show it, with the picture's EXIF, XMP
      and, where its colours are RGB too, colour profile.
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
    """Returns a JPEG; what of the metadata is larger than a JPEG can hold is left out."""
    for left_out in ((), ("exif",), ("exif", "xmp", "icc_profile")):
        out = io.BytesIO()
        kept = {name: value for name, value in metadata.items() if name not in left_out}
        try:
            copy.save(out, "JPEG", quality=_QUALITY, **kept)
            break
        except ValueError:
            if not kept:
                raise
    return out.getvalue()


def wrap(text: str, font: Font, width: float) -> list[str]:
    """Returns the text in lines of `width` pixels, broken between words, and in words too long."""
    lines, line = [], ""
    for word in text.split():
        together = f"{line} {word}".lstrip()
        if font.getlength(together) <= width:
            line = together
            continue
        lines += [line] if line else []
        while font.getlength(word) > width and len(word) > 1:
            fits = next(
                (n for n in range(len(word) - 1, 1, -1) if font.getlength(word[:n]) <= width), 1
            )
            lines.append(word[:fits])
            word = word[fits:]
        line = word
    return [*lines, line] if line else lines


def copy_names(paths: Sequence[str], suffix: str | None = ".jpg") -> dict[str, str]:
    """Returns a file name for each path's copy: its own, with a number where two would be one.

    Args:
      paths: of the pictures.
      suffix: of the copies; None: each picture's own.

    Example:
      >>> copy_names(["a/dog.png", "cat.jpg"])
      {'a/dog.png': 'dog.jpg', 'cat.jpg': 'cat.jpg'}
    """
    names = {path: _stem(path) + _suffix(path, suffix) for path in paths}
    # Some file systems know no capitals.
    seen = Counter(name.lower() for name in names.values())
    return {
        path: name if seen[name.lower()] == 1 else unique_copy_name(path, suffix)
        for path, name in names.items()
    }


def unique_copy_name(path: str, suffix: str | None = ".jpg") -> str:
    """Returns a name that no other path has, without knowing the others."""
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
    return f"{_stem(path)}-{digest}{_suffix(path, suffix)}"


def _suffix(path: str, suffix: str | None) -> str:
    return Path(path).suffix if suffix is None else suffix


def check_font(font_file: str | None) -> None:
    """Refuses a font that cannot be read, before any work.

    Raises:
      ValueError: no font there.
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
