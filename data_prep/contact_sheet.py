"""Contact sheets: a grid of images with their annotations."""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike, fspath

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from semreg_tf.data.annotations import Annotation
from semreg_tf.data.text import is_punctuation

_CELL, _PICTURE, _GAP, _MARGIN = 264, 198, 14, 20
_SIZE, _LEADING = 13, 18
_PAPER, _FRAME = (255, 255, 255), (240, 241, 243)
_INK, _FAINT, _TAG = (32, 33, 36), (128, 134, 139), (26, 95, 180)
_LABEL_INK, _LABEL_PAPER = (19, 99, 56), (222, 243, 230)
_CAPTION_LINES, _TAG_LINES = 3, 3
_INDENT = 10
# Fonts of common systems, for texts that are not ASCII, which the built-in font lacks.
_WIDE_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf")
Font = PIL.ImageFont.FreeTypeFont


@dataclass(frozen=True)
class _Line:
    """A line of text below an image, or a row of `chips`."""

    text: str = ""
    ink: tuple[int, int, int] = _INK
    chips: tuple[str, ...] = ()
    indent: int = 0
    bullet: bool = False


def draw_contact_sheet(
    images: Sequence[tuple[bytes, Annotation]],
    title: str,
    columns: int = 6,
    font_file: str | PathLike[str] | None = None,
) -> PIL.Image.Image:
    """Draws a contact sheet: labels as green chips, captions, and user tags in blue.

    Args:
      images: pairs of an image file's bytes and its annotation.
      title: the title line.
      columns: images per row.
      font_file: a TrueType font; None: a system font for texts that are not ASCII, otherwise or if
        there is none the built-in font, which shows other characters as boxes.

    Raises:
      ValueError: there is no image, `columns` is below 1, or the font cannot be read.
    """
    if not images or columns < 1:
        raise ValueError(
            "`images` must hold a picture, and `columns` be 1 or more. "
            f"Received: {len(images)} images, columns={columns}"
        )
    wide = not all(ascii_only(annotation) for _, annotation in images)
    font, large = (_font(font_file, wide, size) for size in (_SIZE, _SIZE + 5))
    columns = min(columns, len(images))
    cells = [(content, _lines(annotation, font)) for content, annotation in images]
    rows = [cells[i : i + columns] for i in range(0, len(cells), columns)]
    heights = [_PICTURE + 8 + _LEADING * max(len(lines) for _, lines in row) for row in rows]
    top = _MARGIN + 34
    width = 2 * _MARGIN + columns * _CELL + (columns - 1) * _GAP
    height = top + sum(heights) + (len(rows) - 1) * _GAP + _MARGIN
    sheet = PIL.Image.new("RGB", (width, height), _PAPER)
    draw = PIL.ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN - 4), _fit(title, large, width - 2 * _MARGIN), _INK, large)
    for row, row_height in zip(rows, heights, strict=True):
        for column, (content, lines) in enumerate(row):
            left = _MARGIN + column * (_CELL + _GAP)
            _draw_picture(sheet, draw, content, left, top)
            for number, line in enumerate(lines):
                place = (left, top + _PICTURE + 6 + number * _LEADING)
                _draw_line(draw, line, place, font)
        top += row_height + _GAP
    return sheet


def ascii_only(annotation: Annotation) -> bool:
    """Returns whether all texts of an annotation are ASCII."""
    texts = (annotation.captions, annotation.labels, annotation.user_tags, annotation.groups)
    return annotation.file_name.isascii() and all(
        t.isascii() for picture_texts in texts for t in picture_texts
    )


def _font(font_file: str | PathLike[str] | None, wide: bool, size: int) -> Font:
    if font_file is not None:
        try:
            return PIL.ImageFont.truetype(font_file, size)
        except OSError as error:
            raise ValueError(
                f"`font_file` must be a TrueType font: {error}. "
                f"Received: font_file={fspath(font_file)!r}"
            ) from None
    for name in _WIDE_FONTS if wide else ():
        with contextlib.suppress(OSError):
            return PIL.ImageFont.truetype(name, size)
    return PIL.ImageFont.load_default(size)


def _lines(annotation: Annotation, font: Font) -> list[_Line]:
    name = " · ".join([annotation.file_name, *annotation.groups])
    lines = [_Line(_fit(name, font, _CELL), _FAINT)]
    lines += [_Line(chips=chips) for chips in _chip_rows(annotation.labels, font)]
    for caption in annotation.captions:
        for number, text in enumerate(_wrap(caption, font, _CELL - _INDENT, _CAPTION_LINES)):
            lines.append(_Line(text, indent=_INDENT, bullet=number == 0))
    if annotation.user_tags:
        tags = ", ".join(annotation.user_tags)
        lines += [_Line(text, _TAG) for text in _wrap(tags, font, _CELL, _TAG_LINES)]
    return lines


def _chip_rows(labels: Sequence[str], font: Font) -> list[tuple[str, ...]]:
    rows: list[list[str]] = []
    used = 0
    for label in labels:
        text = _fit(label, font, _CELL - 12)
        size = _chip_width(text, font)
        if not rows or used + size > _CELL:
            rows.append([])
            used = 0
        rows[-1].append(text)
        used += size + 4
    return [tuple(row) for row in rows]


def _chip_width(text: str, font: Font) -> int:
    return round(font.getlength(text)) + 12


def _wrap(text: str, font: Font, width: int, max_lines: int) -> list[str]:
    """Wraps a text to lines of at most `width` pixels; three dots end a shortened text."""
    words: list[str] = []
    for word in text.split():
        # Punctuation stays with the previous word.
        if words and is_punctuation(word):
            words[-1] += f" {word}"
        else:
            words.append(word)
    lines: list[str] = [""]
    for word in words:
        longer = f"{lines[-1]} {word}".lstrip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > max_lines:
        lines[max_lines - 1 :] = [f"{lines[max_lines - 1]} {lines[max_lines]} ..."]
    return [_fit(line, font, width) for line in lines]


def _fit(text: str, font: Font, width: int) -> str:
    """Shortens a text to at most `width` pixels."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}...") > width:
        text = text[:-1]
    return f"{text.rstrip()}..."


def _draw_picture(
    sheet: PIL.Image.Image, draw: PIL.ImageDraw.ImageDraw, content: bytes, left: int, top: int
) -> None:
    draw.rectangle((left, top, left + _CELL - 1, top + _PICTURE - 1), _FRAME)
    with PIL.Image.open(io.BytesIO(content)) as image:
        image.draft("RGB", (2 * _CELL, 2 * _PICTURE))
        picture = image.convert("RGB")
    ratio = min(_CELL / picture.width, _PICTURE / picture.height)
    size = (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio)))
    picture = picture.resize(size, PIL.Image.Resampling.LANCZOS)
    sheet.paste(picture, (left + (_CELL - size[0]) // 2, top + (_PICTURE - size[1]) // 2))


def _draw_line(
    draw: PIL.ImageDraw.ImageDraw, line: _Line, place: tuple[int, int], font: Font
) -> None:
    left, top = place
    for chip in line.chips:
        width = _chip_width(chip, font)
        draw.rounded_rectangle((left, top, left + width, top + _LEADING - 3), 6, _LABEL_PAPER)
        draw.text((left + 6, top), chip, _LABEL_INK, font)
        left += width + 4
    if line.bullet:
        draw.ellipse((left, top + 5, left + 4, top + 9), _FAINT)
    if line.text:
        draw.text((left + line.indent, top), line.text, line.ink, font)
