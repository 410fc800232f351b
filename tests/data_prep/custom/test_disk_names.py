from data_prep.custom.disk_names import image_id, with_disk_names
from data_prep.custom.entries import Entry
from data_prep.custom.findings import Findings

COMPOSED, APART = "caf\u00e9.jpg", "cafe\u0301.jpg"


def found(names, *written):
    findings = Findings()
    entries = [Entry(line, name) for line, name in enumerate(written, start=1)]
    named = with_disk_names(entries, frozenset(names), findings)
    return named, findings


def test_a_name_in_another_form_is_the_picture_and_told():
    (entry, other, missing), findings = found([APART, "b.jpg"], COMPOSED, "b.jpg", "c.jpg")
    assert (entry.file_name, other.file_name, missing.file_name) == (APART, "b.jpg", "c.jpg")
    assert image_id(entry) == COMPOSED
    assert [(f.line, f.names) for f in findings.warnings] == [(1, (APART,))]
    assert "'cafe\\u0301.jpg', as macOS does" in findings.warnings[0].text
    assert not findings.problems


def test_two_pictures_of_the_same_letters_are_refused():
    entries, findings = found([COMPOSED, APART], COMPOSED, APART)
    assert [e.file_name for e in entries] == [COMPOSED, APART]
    assert [f.line for f in findings.problems] == [1, 2]
