"""Keywords that photo programs store: XMP in a picture or in a sidecar file, and IPTC."""

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from xml.etree.ElementTree import ParseError

import defusedxml
import defusedxml.ElementTree
from etils import epath
from PIL import IptcImagePlugin

from semreg_tf.annotating.photo_words import XMP_NAMESPACE, iptc_keyword
from semreg_tf.annotating.sidecars import SidecarNames
from semreg_tf.data.picture_decoding import UnreadablePictureError, open_picture
from semreg_tf.data.picture_files import read_picture_file

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_SUBJECT = "{http://purl.org/dc/elements/1.1/}subject"
_RECORDED = f"{{{XMP_NAMESPACE}}}keywords"
_IPTC_KEYWORDS, _IPTC_CHARACTERS = (2, 25), (1, 90)
# The escape sequence by which IPTC says that its texts are UTF-8.
_UTF_8 = b"\x1b%G"


class UnreadableKeywordsError(ValueError):
    """Metadata cannot be read; the message is the reason, without the file's name."""


@dataclass(frozen=True)
class Keywords:
    """Distinct keywords of a picture.

    Attributes:
      people: those of people and other programs.
      annotate: those that `annotate_images` wrote; they are a model's answers, not annotations.
    """

    people: tuple[str, ...]
    annotate: tuple[str, ...]


def picture_keywords(root: str | PathLike[str], name: str, sidecars: SidecarNames) -> Keywords:
    """Returns the keywords of a picture: those of XMP (`dc:subject`), then of IPTC.

    Args:
      root: the folder of the pictures.
      name: the picture's path in the folder.
      sidecars: those of all files in the folder.

    Raises:
      UnreadableKeywordsError: an XMP packet is not XML, or contains dangerous XML.
      OSError: a file cannot be read.
    """
    folder = epath.Path(root)
    of_sidecars = [_xmp_keywords((folder / s).read_bytes()) for s in sidecars.existing(name)]
    try:
        with open_picture(read_picture_file(folder / name)) as image:
            packet, iptc = image.info.get("xmp") or b"", IptcImagePlugin.getiptcinfo(image) or {}
    except UnreadablePictureError:
        # Reported when the picture itself is checked.
        packet, iptc = b"", {}
    people, annotate = [], []
    inner, written = _xmp_keywords(packet)
    # IPTC has no place for the record of what was written: XMP's record in the same file serves.
    iptc_written = {iptc_keyword(keyword) for keyword in written}
    inner += [k for k in _iptc_keywords(iptc) if k not in iptc_written]
    for keywords, recorded in (*of_sidecars, (inner, written)):
        people += [k for k in keywords if k not in recorded]
        annotate += [k for k in keywords if k in recorded]
    return Keywords(_distinct(people), _distinct(annotate))


def _distinct(keywords: Iterable[str]) -> tuple[str, ...]:
    plain = (" ".join(keyword.split()) for keyword in keywords)
    return tuple(dict.fromkeys(keyword for keyword in plain if keyword))


def _xmp_keywords(packet: bytes | str) -> tuple[list[str], set[str]]:
    """Returns all keywords of a packet, and those that `annotate_images` recorded as its own."""
    content = packet.encode() if isinstance(packet, str) else packet
    content = content.strip(b"\x00 \r\n\t")
    if not content:
        return [], set()
    try:
        root = defusedxml.ElementTree.fromstring(content)
    except (ParseError, defusedxml.DefusedXmlException, ValueError, LookupError) as error:
        reason = str(error).splitlines()[0]
        raise UnreadableKeywordsError(f"its XMP is not valid XML ({reason})") from error
    keywords, recorded = (
        ["".join(item.itertext()) for item in root.findall(f".//{tag}//{_RDF}li")]
        for tag in (_SUBJECT, _RECORDED)
    )
    return keywords, set(recorded)


def _iptc_keywords(records: dict[tuple[int, int], bytes | list[bytes]]) -> list[str]:
    values = records.get(_IPTC_KEYWORDS, [])
    values = values if isinstance(values, list) else [values]
    says_utf_8 = records.get(_IPTC_CHARACTERS) == _UTF_8
    return [_text(value, says_utf_8) for value in values]


def _text(value: bytes, says_utf_8: bool) -> str:
    """Decodes an IPTC text; programs that do not state the encoding mostly write UTF-8."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("utf-8" if says_utf_8 else "cp1252", "replace")
