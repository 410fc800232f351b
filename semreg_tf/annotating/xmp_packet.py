"""Merging a caption and keywords into an XMP packet (ISO 16684-1). Needs the extra `xmp`."""

from lxml import etree

from semreg_tf.annotating.photo_words import XMP_NAMESPACE, PhotoWords

_X, _RDF = "adobe:ns:meta/", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DC, _XML = "http://purl.org/dc/elements/1.1/", "http://www.w3.org/XML/1998/namespace"
# Properties that record the words of earlier answers, so that new answers replace only these.
_OURS = XMP_NAMESPACE
_RECORDS = ("keywords", "caption")
_NAMESPACES = {"rdf": _RDF, "dc": _DC, "semreg": _OURS}
_EMPTY = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    f'<x:xmpmeta xmlns:x="{_X}"><rdf:RDF xmlns:rdf="{_RDF}"/></x:xmpmeta><?xpacket end="w"?>'
).encode()
_DEFAULT = "x-default"


def merged_packet(existing: bytes | None, words: PhotoWords) -> bytes:
    """Returns a packet with the words added and everything else unchanged.

    Keywords are added to the existing ones. The caption is written if there is none, or if the
    existing one is the caption of an earlier answer. Keywords of an earlier answer that are not in
    this one are removed.

    Returns:
      UTF-8. Merging the same words again returns the same bytes.

    Raises:
      ValueError: `existing` is not XMP.

    Example:
      >>> merged_packet(None, PhotoWords("a dog runs", ("dog",))).count(b"<rdf:li>dog</rdf:li>")
      2
    """
    root, rdf = _parse(_EMPTY if existing is None else existing)
    _merge_keywords(rdf, words.keywords)
    if words.caption is not None:
        _merge_caption(rdf, words.caption)
    if existing is None:
        etree.indent(root)
    return _written(root, existing or _EMPTY)


def packet_without_words(existing: bytes) -> bytes:
    """Returns a packet without the keywords and the caption of an earlier answer.

    Returns:
      UTF-8; the same bytes if no answer is recorded.

    Raises:
      ValueError: `existing` is not XMP.
    """
    root, rdf = _parse(existing)
    _move_caption_into_element(rdf)
    ours = {name: rdf.find(f"{{{_RDF}}}Description/{{{_OURS}}}{name}") for name in _RECORDS}
    if all(element is None for element in ours.values()):
        return existing
    if ours["keywords"] is not None:
        _merge_keywords(rdf, ())
    caption = ours["caption"]
    if caption is not None:
        items = rdf.findall(f"{{{_RDF}}}Description/{{{_DC}}}description//{{{_RDF}}}li")
        for item in items:
            if item.get(f"{{{_XML}}}lang") == _DEFAULT and item.text == caption.text:
                item.getparent().remove(item)
    # Properties whose arrays have become empty are removed with the records.
    properties = [(_DC, "subject"), (_DC, "description"), *((_OURS, name) for name in _RECORDS)]
    for space, name in properties:
        for element in rdf.findall(f"{{{_RDF}}}Description/{{{space}}}{name}"):
            if element.find(f".//{{{_RDF}}}li") is None:
                element.getparent().remove(element)
    return _written(root, existing)


def _written(root: etree._Element, existing: bytes) -> bytes:
    declared = existing.lstrip(b"\xef\xbb\xbf").startswith(b"<?xml ")
    return etree.tostring(root.getroottree(), encoding="UTF-8", xml_declaration=declared)


def _parse(data: bytes) -> tuple[etree._Element, etree._Element]:
    """Returns the root of a packet and its rdf:RDF."""
    # The file is untrusted: no entity is expanded and nothing is fetched.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"it is not XML: {error.msg}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise ValueError("it has a document type declaration, which XMP forbids")
    rdf = root if root.tag == f"{{{_RDF}}}RDF" else root.find(f"{{{_RDF}}}RDF")
    if rdf is None:
        raise ValueError("it has no rdf:RDF element")
    return root, rdf


def _merge_keywords(rdf: etree._Element, keywords: tuple[str, ...]) -> None:
    subject, ours = _array(rdf, _DC, "subject"), _array(rdf, _OURS, "keywords")
    earlier = {item.text for item in ours}
    for item in list(subject):
        if item.text in earlier and item.text not in keywords:
            subject.remove(item)
    existing = {item.text for item in subject}
    # A keyword that a person wrote is not recorded, so that a later answer does not remove it.
    written = [k for k in keywords if k not in existing or k in earlier]
    _fill(subject, [k for k in keywords if k not in existing])
    if [item.text for item in ours] != written:
        for item in list(ours):
            ours.remove(item)
        _fill(ours, written)


def _merge_caption(rdf: etree._Element, caption: str) -> None:
    ours = _move_caption_into_element(rdf)
    items = _array(rdf, _DC, "description", "Alt")
    shown = next((i for i in items if i.get(f"{{{_XML}}}lang") == _DEFAULT), None)
    if shown is None:
        shown = etree.Element(f"{{{_RDF}}}li", {f"{{{_XML}}}lang": _DEFAULT})
        # XMP requires the default language first.
        items.insert(0, shown)
    if not (shown.text or "").strip() or (ours is not None and shown.text == ours.text):
        shown.text = caption
        if ours is None:
            ours = etree.SubElement(_description(rdf), f"{{{_OURS}}}caption")
        ours.text = caption


def _move_caption_into_element(rdf: etree._Element) -> etree._Element | None:
    """Returns the recorded caption; other programs may have written it as an attribute."""
    ours = rdf.find(f"{{{_RDF}}}Description/{{{_OURS}}}caption")
    for description in rdf.iterfind(f"{{{_RDF}}}Description"):
        value = description.attrib.pop(f"{{{_OURS}}}caption", None)
        if value is not None and ours is None:
            ours = etree.SubElement(description, f"{{{_OURS}}}caption")
            ours.text = value
    return ours


def _array(rdf: etree._Element, space: str, name: str, kind: str = "Bag") -> etree._Element:
    """Returns the array of a property; adds the property or the array if it is missing."""
    tag = f"{{{space}}}{name}"
    element = rdf.find(f"{{{_RDF}}}Description/{tag}")
    if element is None:
        element = etree.SubElement(_description(rdf), tag)
    for array_kind in ("Bag", "Seq", "Alt"):
        array = element.find(f"{{{_RDF}}}{array_kind}")
        if array is not None:
            return array
    array = etree.SubElement(element, f"{{{_RDF}}}{kind}")
    if (element.text or "").strip():
        # Some programs write a plain value in place of an array; it becomes the first item.
        item = etree.SubElement(array, f"{{{_RDF}}}li")
        item.text, element.text = element.text.strip(), None
        if kind == "Alt":
            item.set(f"{{{_XML}}}lang", _DEFAULT)
    return array


def _description(rdf: etree._Element) -> etree._Element:
    """Returns the element for new properties: the first rdf:Description, or a new one."""
    description = rdf.find(f"{{{_RDF}}}Description")
    if description is None:
        description = etree.SubElement(rdf, f"{{{_RDF}}}Description", nsmap=_NAMESPACES)
        description.set(f"{{{_RDF}}}about", "")
    return description


def _fill(array: etree._Element, texts: list[str]) -> None:
    for text in texts:
        etree.SubElement(array, f"{{{_RDF}}}li").text = text
