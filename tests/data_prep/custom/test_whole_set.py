from data_prep.custom.entries import Entry
from data_prep.custom.findings import Findings
from data_prep.custom.whole_set import describe_set, warn_of_the_whole


def warnings(**splits):
    findings = Findings()
    warn_of_the_whole(splits, findings)
    return [(f.line, f.text) for f in findings.warnings]


def test_a_full_set_needs_no_warning():
    members = [Entry(1, "a", captions=("A.",), labels=("x",))]
    assert not warnings(train=members, validation=members)


def test_no_validation():
    ((line, text),) = warnings(train=[Entry(1, "a", captions=("A.",))])
    assert line == 0
    assert "--config.data.validation_split=train" in text


def test_annotations_that_only_some_pictures_have():
    found = warnings(
        train=[Entry(3, "a", captions=("A.",)), Entry(1, "b", labels=("x",))],
        validation=[Entry(2, "c", labels=("x",))],
    )
    assert found == [
        (0, "2 of 3 pictures have no captions (lines 1-2)"),
        (0, "1 of 3 pictures have no labels (lines 3)"),
    ]


def test_labels_that_look_alike_or_are_never_trained():
    found = warnings(
        train=[Entry(1, "a", labels=("dog",)), Entry(2, "b", labels=("Dog",))],
        validation=[Entry(3, "c", labels=("dog", "sea"))],
    )
    assert found == [
        (2, "'Dog' and 'dog' on line 1 are two labels: spell them alike if one is meant"),
        (3, "no picture of 'train' has the label 'sea'"),
    ]


def test_a_set_in_one_line():
    text = describe_set(
        {
            "train": [Entry(1, "a", ("A.", "B."), ("x", "y")), Entry(2, "b", labels=("x",))],
            "test": [Entry(3, "c", user_tags=("t",))],
        }
    )
    assert text == (
        "3 pictures (train 2, test 1), 2 captions, 2 different labels on 2 pictures, user tags on 1"
    )
