"""A copy of a picture with what the model says under it."""

import hashlib
import io
import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

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
      A JPEG as wide as the picture, which lies as viewers show it.
    """
    with open_picture(data) as opened:
        picture = upright(opened)
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
    out = io.BytesIO()
    copy.save(out, "JPEG", quality=_QUALITY)
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


def copy_names(paths: Sequence[str]) -> dict[str, str]:
    """Returns a file name for each path's copy: its own, with a number where two would be one.

    Example:
      >>> copy_names(["a/dog.png", "cat.jpg"])
      {'a/dog.png': 'dog.jpg', 'cat.jpg': 'cat.jpg'}
    """
    seen: dict[str, int] = {}
    for path in paths:
        # Some file systems know no capitals.
        seen[_stem(path).lower()] = seen.get(_stem(path).lower(), 0) + 1
    return {
        path: f"{_stem(path)}.jpg" if seen[_stem(path).lower()] == 1 else unique_copy_name(path)
        for path in paths
    }


def unique_copy_name(path: str) -> str:
    """Returns a name that no other path has, without knowing the others."""
    return f"{_stem(path)}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}.jpg"


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
