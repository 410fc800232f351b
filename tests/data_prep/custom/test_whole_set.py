from data_prep.custom.entries import Entry
from data_prep.custom.findings import Findings
from data_prep.custom.whole_set import describe_set, warn_of_the_whole


def warnings(tokenizer="ptb", **splits):
    findings = Findings()
    warn_of_the_whole(splits, findings, tokenizer)
    rare = ("label on few pictures", "label not in")
    return [(f.line, f.text) for f in findings.warnings if not f.kind.startswith(rare)]


def test_labels_on_few_pictures_are_told_once_and_where_a_split_lacks_them():
    train = [Entry(i, f"{i}", labels=("dog", "sea")[: 1 + (i == 3)]) for i in range(1, 6)]
    findings = Findings()
    warn_of_the_whole(
        {
            "train": train,
            "validation": [Entry(6, "6", labels=("dog",))],
            "test": [Entry(7, "7", labels=("sea",))],
        },
        findings,
    )
    assert [f.text for f in findings.warnings] == [
        "1 labels are on fewer than 5 pictures of 'train': a model hardly learns them ('sea' (1))",
        "1 labels are on no picture of 'test': nothing is known of them there ('dog')",
        "1 labels are on no picture of 'validation': nothing is known of them there ('sea')",
    ]
    assert findings.warnings[0].names == ("'sea' (1)",)


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
        (
            0,
            "no picture of 'validation' has captions: captions can be neither trained nor scored "
            "there",
        ),
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


def test_labels_in_letters_of_another_alphabet_or_width_are_told():
    found = warnings(
        train=[Entry(1, "a", labels=("sea", "\uff53ea")), Entry(2, "b", labels=("se\u0430",))],
        validation=[Entry(3, "c", labels=("sea",))],
    )
    assert [(line, "'sea' on line 1 are two labels" in text) for line, text in found] == [
        (1, True),
        (2, True),
    ]


def test_captions_in_a_script_without_blanks_are_told_with_their_words():
    chinese = ("\u8349\u5730\u4e0a\u6709\u4e00\u4e2a\u65b9\u5757", "\u84dd\u5929\u4e0b")
    members = [Entry(4, "a", captions=("A dog.",)), Entry(7, "b", captions=chinese)]
    ((line, text),) = warnings(train=members, validation=members[:1])
    assert line == 0
    assert text.startswith("2 captions are in a script written without blanks between words and ")
    assert "have 1.0 words on average (the first on line 7)" in text
    assert "--tokenizer=blanks" in text
    for tokenizer in ("blanks", "characters"):
        assert not warnings(tokenizer, train=members, validation=members[:1])
    splits = {"train": members[1:]}
    assert "2 captions of 1.0 words" in describe_set(splits)
    assert "2 captions of 5.5 words" in describe_set(splits, "characters")


def test_a_set_in_one_line():
    text = describe_set(
        {
            "train": [Entry(1, "a", ("A.", "B."), ("x", "y")), Entry(2, "b", labels=("x",))],
            "test": [Entry(3, "c", user_tags=("t",))],
        }
    )
    assert text == (
        "3 pictures (train 2, test 1), 2 captions of 1.0 words on average, 2 different labels on "
        "2 pictures, user tags on 1"
    )
