"""Keywords that photo programs store: XMP in a picture or in a sidecar file, and IPTC."""

import posixpath
from collections.abc import Container
from os import PathLike
from xml.etree.ElementTree import ParseError

import defusedxml
import defusedxml.ElementTree
from etils import epath
from PIL import IptcImagePlugin

from semreg_tf.data.picture_decoding import UnreadablePictureError, open_picture
from semreg_tf.data.picture_files import read_picture_file

_DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_SUBJECT = f".//{_DUBLIN_CORE}subject//{_RDF}li"
_IPTC_KEYWORDS, _IPTC_CHARACTERS = (2, 25), (1, 90)
# The escape sequence by which IPTC says that its texts are UTF-8.
_UTF_8 = b"\x1b%G"


class UnreadableKeywordsError(ValueError):
    """Metadata cannot be read; the message is the reason, without the file's name."""


def picture_keywords(
    folder: str | PathLike[str], name: str, names: Container[str]
) -> tuple[str, ...]:
    """Returns the distinct keywords of a picture: those of XMP (`dc:subject`), then of IPTC.

    Sidecars `a.jpg.xmp` and `a.xmp` are searched among `names`, all files in the folder.

    Raises:
      UnreadableKeywordsError: an XMP packet is not XML, or contains dangerous XML.
      OSError: a file cannot be read.
    """
    packets, keywords = [], []
    for sidecar in (f"{name}.xmp", f"{posixpath.splitext(name)[0]}.xmp"):
        if sidecar in names:
            packets.append((epath.Path(folder) / sidecar).read_bytes())
    try:
        with open_picture(read_picture_file(epath.Path(folder) / name)) as image:
            packets.append(image.info.get("xmp") or b"")
            iptc = IptcImagePlugin.getiptcinfo(image) or {}
    except UnreadablePictureError:
        # Reported when the picture itself is checked.
        iptc = {}
    for packet in packets:
        keywords += _xmp_keywords(packet)
    keywords += _iptc_keywords(iptc)
    plain = (" ".join(keyword.split()) for keyword in keywords)
    return tuple(dict.fromkeys(keyword for keyword in plain if keyword))


def _xmp_keywords(packet: bytes | str) -> list[str]:
    content = packet.encode() if isinstance(packet, str) else packet
    content = content.strip(b"\x00 \r\n\t")
    if not content:
        return []
    try:
        root = defusedxml.ElementTree.fromstring(content)
    except (ParseError, defusedxml.DefusedXmlException, ValueError, LookupError) as error:
        reason = str(error).splitlines()[0]
        raise UnreadableKeywordsError(f"its XMP is not valid XML ({reason})") from error
    return ["".join(item.itertext()) for item in root.findall(_SUBJECT)]


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
