"""IAPR TC-12's annotation files: tagged text in ISO-8859-1 that is not always well-formed.

<DOC>
<DOCNO>annotations/01/1000.eng</DOCNO>
<TITLE>Godchild Cristian Patricio Umaginga Tuaquiza</TITLE>
<DESCRIPTION>a dark-skinned boy wearing a knitted woolly hat; a house behind him;</DESCRIPTION>
<NOTES></NOTES>
<LOCATION>Quilotoa, Ecuador</LOCATION>
<DATE>April 2002</DATE>
<IMAGE>images/01/1000.jpg</IMAGE>
<THUMBNAIL>thumbnails/01/1000.jpg</THUMBNAIL>
</DOC>
"""

import html
import re
from os import PathLike
from typing import NamedTuple

from etils import epath

ENCODING = "iso-8859-1"
_TAGS = "DOC|DOCNO|TITLE|DESCRIPTION|NOTES|LOCATION|DATE|IMAGE|THUMBNAIL"
# An XML parser gives up a file for one bare ampersand; here a field ends where any tag begins.
_FIELD = r"<{}\s*>(?P<text>.*?)(?P<end></?(?:" + _TAGS + r")\s*/?>|\Z)"


class AnnotationText(NamedTuple):
    """What a file holds, or why it cannot be used.

    Attributes:
      caption: the description, its clauses parted by semicolons; empty where there is none.
      image: the picture the file names, as `images/01/1000.jpg`, or None.
      problem: "without a description" or "cut short", or None.
    """

    caption: str
    image: str | None
    problem: str | None = None


def read_annotation_text(path: str | PathLike[str]) -> AnnotationText:
    """Reads one annotation file."""
    return parse_annotation_text(epath.Path(path).read_bytes().decode(ENCODING))


def parse_annotation_text(content: str) -> AnnotationText:
    """Takes description and picture from tagged text.

    Blanks, line ends and empty clauses go; so does the semicolon after the last clause.

    Args:
      content: a whole file.

    Example:
      >>> parse_annotation_text("<DESCRIPTION>a boy;  a house ; </DESCRIPTION>").caption
      'a boy; a house'
    """
    image, _ = _field(content, "IMAGE")
    text, whole = _field(content, "DESCRIPTION")
    if text is None:
        return AnnotationText("", image, "without a description")
    if not whole:
        return AnnotationText("", image, "cut short")
    clauses = (" ".join(clause.split()) for clause in text.split(";"))
    caption = "; ".join(clause for clause in clauses if clause)
    return AnnotationText(caption, image, None if caption else "without a description")


def _field(content: str, tag: str) -> tuple[str | None, bool]:
    """Returns a field's text, or None, and whether it ends before the file does."""
    match = re.search(_FIELD.format(tag), content, re.DOTALL | re.IGNORECASE)
    if match is None:
        return None, True
    return html.unescape(match["text"]).strip(), bool(match["end"])
