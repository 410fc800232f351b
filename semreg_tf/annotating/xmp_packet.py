"""An XMP packet (ISO 16684-1) with a caption and keywords; what another program wrote stays.

Needs the extra `xmp`.
"""

from lxml import etree

from semreg_tf.annotating.photo_words import PhotoWords

_X, _RDF = "adobe:ns:meta/", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DC, _XML = "http://purl.org/dc/elements/1.1/", "http://www.w3.org/XML/1998/namespace"
# What this program wrote last, so that the words of another model take their place, and no other's.
_OURS = "urn:semreg-tf:annotations:1.0#"
_NAMESPACES = {"rdf": _RDF, "dc": _DC, "semreg": _OURS}
_EMPTY = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    f'<x:xmpmeta xmlns:x="{_X}"><rdf:RDF xmlns:rdf="{_RDF}"/></x:xmpmeta><?xpacket end="w"?>'
).encode()
_DEFAULT = "x-default"


def merged_packet(existing: bytes | None, words: PhotoWords) -> bytes:
    """Returns a packet with the words, everything else as it was.

    Keywords join those that are there. A caption is written where there is none, or where the one
    that is there is the caption of an earlier answer. Keywords of an earlier answer that are not
    in this one are taken out again.

    Args:
      existing: the packet that is there, or None.
      words: of the new answer.

    Returns:
      UTF-8. The same words merged twice give the same bytes.

    Raises:
      ValueError: `existing` is no XMP.

    Example:
      >>> merged_packet(None, PhotoWords("a dog runs", ("dog",))).count(b"<rdf:li>dog</rdf:li>")
      2
    """
    root = _parse(_EMPTY if existing is None else existing)
    rdf = root if root.tag == f"{{{_RDF}}}RDF" else root.find(f"{{{_RDF}}}RDF")
    if rdf is None:
        raise ValueError("it holds no rdf:RDF")
    _merge_keywords(rdf, words.keywords)
    if words.caption is not None:
        _merge_caption(rdf, words.caption)
    if existing is None:
        etree.indent(root)
    declared = (existing or _EMPTY).lstrip(b"\xef\xbb\xbf").startswith(b"<?xml ")
    return etree.tostring(root.getroottree(), encoding="UTF-8", xml_declaration=declared)


def _parse(data: bytes) -> etree._Element:
    # Nothing is fetched or expanded on a stranger's behalf.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"it is no XML: {error.msg}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise ValueError("it has a document type, which XMP has not")
    return root


def _merge_keywords(rdf: etree._Element, keywords: tuple[str, ...]) -> None:
    subject, ours = _array(rdf, _DC, "subject"), _array(rdf, _OURS, "keywords")
    earlier = {item.text for item in ours}
    for item in list(subject):
        if item.text in earlier and item.text not in keywords:
            subject.remove(item)
    there = {item.text for item in subject}
    # A keyword that a person gave before is theirs, and stays when the model's words change.
    written = [k for k in keywords if k not in there or k in earlier]
    _fill(subject, [k for k in keywords if k not in there])
    if [item.text for item in ours] != written:
        for item in list(ours):
            ours.remove(item)
        _fill(ours, written)


def _merge_caption(rdf: etree._Element, caption: str) -> None:
    ours = rdf.find(f"{{{_RDF}}}Description/{{{_OURS}}}caption")
    # Other programs may write a simple property as an attribute.
    for description in rdf.iterfind(f"{{{_RDF}}}Description"):
        value = description.attrib.pop(f"{{{_OURS}}}caption", None)
        if value is not None and ours is None:
            ours = etree.SubElement(description, f"{{{_OURS}}}caption")
            ours.text = value
    items = _array(rdf, _DC, "description", "Alt")
    shown = next((i for i in items if i.get(f"{{{_XML}}}lang") == _DEFAULT), None)
    if shown is None:
        shown = etree.Element(f"{{{_RDF}}}li", {f"{{{_XML}}}lang": _DEFAULT})
        # XMP has the default first.
        items.insert(0, shown)
    if not (shown.text or "").strip() or (ours is not None and shown.text == ours.text):
        shown.text = caption
        if ours is None:
            ours = etree.SubElement(_description(rdf), f"{{{_OURS}}}caption")
        ours.text = caption


def _array(rdf: etree._Element, space: str, name: str, kind: str = "Bag") -> etree._Element:
    """Returns the list of a property, made where it is not there."""
    tag = f"{{{space}}}{name}"
    found = rdf.find(f"{{{_RDF}}}Description/{tag}")
    if found is None:
        found = etree.SubElement(_description(rdf), tag)
    for one in ("Bag", "Seq", "Alt"):
        array = found.find(f"{{{_RDF}}}{one}")
        if array is not None:
            return array
    array = etree.SubElement(found, f"{{{_RDF}}}{kind}")
    if (found.text or "").strip():
        # A bare value, which some programs write, is the list's first item.
        item = etree.SubElement(array, f"{{{_RDF}}}li")
        item.text, found.text = found.text.strip(), None
        if kind == "Alt":
            item.set(f"{{{_XML}}}lang", _DEFAULT)
    return array


def _description(rdf: etree._Element) -> etree._Element:
    """Returns the description that new properties join: the first, or a new one."""
    own = rdf.find(f"{{{_RDF}}}Description")
    if own is None:
        own = etree.SubElement(rdf, f"{{{_RDF}}}Description", nsmap=_NAMESPACES)
        own.set(f"{{{_RDF}}}about", "")
    return own


def _fill(array: etree._Element, texts: list[str]) -> None:
    for text in texts:
        etree.SubElement(array, f"{{{_RDF}}}li").text = text
