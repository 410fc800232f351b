import pytest

from data_prep.iapr_tc12.annotation_texts import (
    AnnotationText,
    parse_annotation_text,
    read_annotation_text,
)

OFFICIAL = """<DOC>
<DOCNO>annotations/01/1000.eng</DOCNO>
<TITLE>Plaza de Armas</TITLE>
<DESCRIPTION>a yellow building with white columns in the background; two palm trees in
front of the house;   cars are parking in front of the house; </DESCRIPTION>
<NOTES>The locals are proud of it.</NOTES>
<LOCATION>Cochabamba, Bolivia</LOCATION>
<DATE>1 February 2002</DATE>
<IMAGE>images/01/1000.jpg</IMAGE>
<THUMBNAIL>thumbnails/01/1000.jpg</THUMBNAIL>
</DOC>
"""
CAPTION = (
    "a yellow building with white columns in the background; two palm trees in front of the "
    "house; cars are parking in front of the house"
)


def test_the_description_is_the_caption():
    assert parse_annotation_text(OFFICIAL) == AnnotationText(CAPTION, "images/01/1000.jpg", None)
    assert parse_annotation_text(OFFICIAL.replace("\n", "\r\n")).caption == CAPTION


def test_files_are_in_iso_8859_1(tmp_path):
    path = tmp_path / "1000.eng"
    path.write_bytes(OFFICIAL.replace("two palm", "the Café de Perú and two palm").encode("latin1"))
    assert "the Café de Perú and two palm" in read_annotation_text(path).caption


@pytest.mark.parametrize(
    ("old", "new", "caption"),
    [
        (
            "two palm trees",
            "two palms & a < b",
            CAPTION.replace("two palm trees", "two palms & a < b"),
        ),
        (
            "two palm",
            "two &quot;palm&quot; &amp; nut",
            CAPTION.replace("two palm", 'two "palm" & nut'),
        ),
        ("</DESCRIPTION>\n", "\n", CAPTION),
        ("<DESCRIPTION>", "<description >", CAPTION),
        ("<TITLE>Plaza de Armas</TITLE>", "<TITLE>Plaza de Armas", CAPTION),
        ("<DOC>\n", "", CAPTION),
        ("; </DESCRIPTION>", ";; ; </DESCRIPTION>", CAPTION),
        ("<NOTES>The locals are proud of it.</NOTES>", "<NOTES/>", CAPTION),
    ],
)
def test_text_that_is_not_well_formed_is_read(old, new, caption):
    assert old in OFFICIAL
    assert parse_annotation_text(OFFICIAL.replace(old, new)).caption == caption


def test_a_missing_end_tag_before_an_empty_element_ends_the_description():
    content = "<DESCRIPTION>a boy;\n<NOTES/>\n<LOCATION>Quilotoa</LOCATION>"
    assert parse_annotation_text(content) == AnnotationText("a boy", None)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (OFFICIAL[: OFFICIAL.index("cars")], "cut short"),
        (OFFICIAL[: OFFICIAL.index("<DESC")], "without a description"),
        ("<DOC><DESCRIPTION></DESCRIPTION></DOC>", "without a description"),
        ("<DOC><DESCRIPTION> ; ;\n</DESCRIPTION></DOC>", "without a description"),
        ("", "without a description"),
    ],
)
def test_what_has_no_description_says_why(content, problem):
    text = parse_annotation_text(content)
    assert (text.caption, text.problem) == ("", problem)
