"""Reader of IAPR TC-12's annotation files: tagged ISO-8859-1 text, not always well-formed XML.

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
# An XML parser would refuse a file with a bare ampersand. Here a field ends at the next tag.
_FIELD = r"<{}\s*>(?P<text>.*?)(?P<end></?(?:" + _TAGS + r")\s*/?>|\Z)"


class AnnotationText(NamedTuple):
    """The description and picture of an annotation file, or the problem with it.

    Attributes:
      caption: the description, with clauses separated by semicolons; empty if there is none.
      image: the picture named in the file, such as `images/01/1000.jpg`, or None.
      problem: "without a description", "cut short", or None if the file can be used.
    """

    caption: str
    image: str | None
    problem: str | None = None


def read_annotation_text(path: str | PathLike[str]) -> AnnotationText:
    """Reads one annotation file."""
    return parse_annotation_text(epath.Path(path).read_bytes().decode(ENCODING))


def parse_annotation_text(content: str) -> AnnotationText:
    """Parses the description and the picture's name of a whole file.

    Redundant blanks, line ends, empty clauses and the last semicolon are removed.

    Example:
      >>> parse_annotation_text("<DESCRIPTION>a boy;  a house ; </DESCRIPTION>").caption
      'a boy; a house'
    """
    image, _ = _field(content, "IMAGE")
    text, complete = _field(content, "DESCRIPTION")
    if text is None:
        return AnnotationText("", image, "without a description")
    if not complete:
        return AnnotationText("", image, "cut short")
    clauses = (" ".join(clause.split()) for clause in text.split(";"))
    caption = "; ".join(clause for clause in clauses if clause)
    return AnnotationText(caption, image, None if caption else "without a description")


def _field(content: str, tag: str) -> tuple[str | None, bool]:
    """Returns the text of a field, or None without such a field, and whether it is complete."""
    match = re.search(_FIELD.format(tag), content, re.DOTALL | re.IGNORECASE)
    if match is None:
        return None, True
    return html.unescape(match["text"]).strip(), bool(match["end"])
