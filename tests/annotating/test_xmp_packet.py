"""A packet is valid XMP, keeps what others wrote, and takes the same words twice unchanged."""

import pytest
from lxml import etree

from semreg_tf.annotating.photo_words import PhotoWords
from semreg_tf.annotating.xmp_packet import merged_packet

SPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "darktable": "http://darktable.sf.net/",
}
DOG = PhotoWords("a dog runs", ("dog", "grass & <sky>"))
# As darktable writes it, shortened; the line break of an attribute is what careless tools lose.
DARKTABLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <!-- kept -->
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:darktable="http://darktable.sf.net/"
    xmp:Rating="4" darktable:history="one&#10;two">
   <dc:subject><rdf:Seq><rdf:li>Rex</rdf:li><rdf:li>dog</rdf:li></rdf:Seq></dc:subject>
   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">Rex in May</rdf:li>
     <rdf:li xml:lang="de">Rex im Mai</rdf:li></rdf:Alt></dc:description>
   <darktable:masks><rdf:Seq><rdf:li darktable:mask_num="0"/></rdf:Seq></darktable:masks>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""


def keywords(packet):
    found = etree.fromstring(packet)
    return [item.text for item in found.xpath("//dc:subject/*/rdf:li", namespaces=SPACES)]


def captions(packet):
    return [
        (item.get("{http://www.w3.org/XML/1998/namespace}lang"), item.text)
        for item in etree.fromstring(packet).xpath(
            "//dc:description/rdf:Alt/rdf:li", namespaces=SPACES
        )
    ]


def test_a_new_packet_has_a_bag_of_keywords_and_a_default_caption():
    packet = merged_packet(None, DOG)
    assert packet.startswith('<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'.encode())
    assert packet.rstrip().endswith(b'<?xpacket end="w"?>')
    assert keywords(packet) == ["dog", "grass & <sky>"]
    assert captions(packet) == [("x-default", "a dog runs")]
    root = etree.fromstring(packet)
    assert root.tag == "{adobe:ns:meta/}xmpmeta"
    assert root.xpath("rdf:RDF/rdf:Description[@rdf:about='']", namespaces=SPACES)
    assert root.xpath("//dc:subject/rdf:Bag", namespaces=SPACES)


def test_the_same_words_twice_change_nothing():
    for existing in (None, DARKTABLE):
        once = merged_packet(existing, DOG)
        assert merged_packet(once, DOG) == once


def test_what_others_wrote_stays():
    packet = merged_packet(DARKTABLE, DOG)
    assert keywords(packet) == ["Rex", "dog", "grass & <sky>"]
    assert captions(packet) == [("x-default", "Rex in May"), ("de", "Rex im Mai")]
    described = etree.fromstring(packet).find(".//rdf:Description", SPACES)
    assert described.get(f"{{{SPACES['xmp']}}}Rating") == "4"
    assert described.get(f"{{{SPACES['darktable']}}}history") == "one\ntwo"
    assert described.find("darktable:masks/rdf:Seq/rdf:li", SPACES) is not None
    assert b"<!-- kept -->" in packet and packet.startswith(b"<?xml ")
    # Comments, attributes and elements of others, all but what was joined, are as they were.
    theirs = {e.tag for e in etree.fromstring(DARKTABLE).iter()}
    assert theirs <= {e.tag for e in etree.fromstring(packet).iter()}


def test_another_models_words_take_the_places_of_the_first_ones_alone():
    first = merged_packet(DARKTABLE, DOG)
    second = merged_packet(first, PhotoWords("a cat", ("cat",)))
    # "dog" was a person's before it was the model's.
    assert keywords(second) == ["Rex", "dog", "cat"]
    own = merged_packet(merged_packet(None, DOG), PhotoWords("a cat", ("cat",)))
    assert keywords(own) == ["cat"] and captions(own) == [("x-default", "a cat")]


def test_a_caption_that_a_person_corrected_stays():
    packet = merged_packet(None, DOG).replace(b">a dog runs</rdf:li>", b">my dog</rdf:li>")
    assert captions(merged_packet(packet, PhotoWords("a cat", ()))) == [("x-default", "my dog")]


def test_a_tag_models_packet_has_no_caption():
    assert b"description" not in merged_packet(None, PhotoWords(None, ("sea",))).lower().replace(
        b"rdf:description", b""
    )


@pytest.mark.parametrize(
    "existing, reason",
    [
        (b"", "not XML"),
        (b"GIF89a", "not XML"),
        (b"<a/>", "no rdf:RDF"),
        (DARKTABLE[:-30], "not XML"),
        (
            b'<!DOCTYPE a [<!ENTITY b "c">]><x:xmpmeta xmlns:x="adobe:ns:meta/"/>',
            "document type",
        ),
    ],
)
def test_what_is_no_xmp_is_refused(existing, reason):
    with pytest.raises(ValueError, match=reason):
        merged_packet(existing, DOG)


def test_bare_values_and_rdf_alone_are_read():
    bare = (
        '<rdf:RDF xmlns:rdf="{rdf}" xmlns:dc="{dc}"><rdf:Description rdf:about="">'
        "<dc:subject>Rex</dc:subject></rdf:Description></rdf:RDF>"
    ).format(**SPACES)
    assert keywords(merged_packet(bare.encode("utf-16"), DOG)) == ["Rex", *DOG.keywords]
