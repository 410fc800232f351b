import pytest

from data_prep.custom.annotation_file import Row
from data_prep.custom.entries import Entry, read_entries
from data_prep.custom.findings import Findings


def judge(*values, tokenizer="ptb"):
    """Returns the entries, problems and warnings of rows on lines 1, 2, ..."""
    findings = Findings()
    rows = [Row(line, v) for line, v in enumerate(values, start=1)]
    entries = read_entries(rows, findings, tokenizer)
    return entries, *([(f.line, f.text) for f in x] for x in (findings.problems, findings.warnings))


def test_an_entry_holds_all_columns_with_single_blanks():
    entries, problems, warnings = judge(
        {
            "file_name": " ./town//a.jpg ",
            "captions": ["A  dog\nruns. ", "B"],
            "labels": ["polar  bear"],
            "user_tags": ["fun"],
            "split": "test",
        }
    )
    assert entries == [
        Entry(1, "town/a.jpg", ("A dog runs.", "B"), ("polar bear",), ("fun",), "test")
    ]
    assert not problems
    assert not warnings


def test_lines_with_one_caption_each_are_joined():
    entries, problems, _ = judge(
        {"file_name": "a.jpg", "caption": "One.", "labels": ["x"]},
        {"file_name": "b.jpg", "caption": "Other."},
        {"file_name": "a.jpg", "caption": "Two."},
        {"file_name": "a.jpg", "caption": "Three.", "labels": ["x"]},
    )
    assert [(e.line, e.captions, e.labels) for e in entries] == [
        (1, ("One.", "Two.", "Three."), ("x",)),
        (2, ("Other.",), ()),
    ]
    assert not problems


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "`file_name` must name a picture. Received: none"),
        ({"file_name": 3}, "`file_name` must name a picture. Received: file_name=3"),
        ({"file_name": "../a.jpg"}, "must be a path within the pictures' folder"),
        ({"file_name": "/pics/a.jpg"}, "Received: file_name='/pics/a.jpg'"),
        ({"file_name": "a"}, "'a' has no caption, no label and no user tag"),
        ({"file_name": "a", "labels": []}, "'a' has no caption, no label and no user tag"),
        ({"file_name": "a", "labels": "dog"}, "`labels` must be a list of texts"),
        ({"file_name": "a", "captions": 5}, "Received: captions=5"),
        ({"file_name": "a", "labels": ["x", 7]}, "number 2 of `labels` must be a text"),
        ({"file_name": "a", "captions": ["x", " "]}, "number 2 of `captions` is empty"),
        ({"file_name": "a", "caption": ["x"]}, "one text (a list goes into `captions`)"),
        ({"file_name": "a", "caption": 5}, "`caption` must be one text. Received: caption=5"),
        ({"file_name": "a", "caption": ""}, "`caption` is empty"),
        ({"file_name": "a", "caption": "x", "captions": ["y"]}, "not both"),
        ({"file_name": "a", "labels": ["x"], "split": "val"}, "Is validation meant?"),
        ({"file_name": "a", "labels": ["x"], "split": 1}, "must be one of train, validation, test"),
        ({"file_name": "a", "lables": ["x"]}, "unknown column 'lables'"),
        ({"file_name": "a", "lables": ["x"]}, "Is labels meant?"),
        ({"file_name": "a", "user_tags": ["new york, ny"]}, "'new york, ny' holds a comma"),
        ({"file_name": "a", "labels": ["x\ud800"]}, "`labels` holds \\ud800, half of a surrogate"),
        ({"file_name": "a\udc00", "labels": ["x"]}, "`file_name` holds \\udc00, half of"),
        ({"file_name": "a", "labels": ["x", "\u200b"]}, "holds nothing that is seen: '\\u200b'"),
        ({"file_name": "a", "captions": [["a", "dog"]]}, "--tokenizer=blanks a list of tokens"),
    ],
)
def test_each_problem_is_told_once(values, message):
    _, problems, _ = judge({"file_name": "other.jpg", "labels": ["x"]}, values)
    assert len(problems) == 1
    assert problems[0][0] == 2
    assert message in problems[0][1]


def test_a_row_with_problems_keeps_what_is_usable():
    entries, problems, _ = judge(
        {"file_name": "a.jpg", "captions": 5, "labels": ["x", 7], "x": 1, "split": "dev"}
    )
    assert entries == [Entry(1, "a.jpg", labels=("x",), split="train")]
    assert len(problems) == 4


def test_a_picture_on_two_lines():
    _, problems, _ = judge(
        {"file_name": "a.jpg", "captions": ["One."]},
        {"file_name": "./a.jpg", "captions": ["Two."]},
        {"file_name": "a.jpg", "caption": "Three."},
    )
    assert [line for line, _ in problems] == [2, 3]
    assert problems[0][1].startswith("'a.jpg' is on line 1 already: give a picture one line")


def test_lines_of_a_picture_that_differ():
    _, problems, _ = judge(
        {"file_name": "a.jpg", "caption": "One.", "labels": ["x"], "split": "train"},
        {"file_name": "a.jpg", "caption": "Two.", "labels": ["y"], "split": "test"},
    )
    assert problems == [
        (
            2,
            "`labels` of 'a.jpg' is not what line 1 says: ('x',) there. Received: labels=('y',)",
        ),
        (2, "`split` of 'a.jpg' is not what line 1 says: 'train' there. Received: split='test'"),
    ]


def test_warnings():
    entries, problems, warnings = judge(
        {"file_name": "a", "captions": ["dog " * 500, "B"], "labels": ["x", "x", "dog, sea"]}
    )
    assert not problems
    assert entries[0].labels == ("x", "dog, sea")
    texts = [text for _, text in warnings]
    assert texts[0].startswith("caption 1 has 500 words and is left out: more than 200")
    assert texts[1] == "'x' is in `labels` twice, taken once"
    assert texts[2].startswith("the label 'dog, sea' is one label with a separator in it")


def test_texts_are_brought_to_one_spelling_and_told():
    (entry,), problems, warnings = judge(
        {
            "file_name": "a",
            "captions": ["A box &amp; a ball."],
            "labels": ["cafe\u0301", "sea\u200b", "sea, blue"],
        }
    )
    assert entry.captions == ("A box & a ball.",)
    assert entry.labels == ("caf\u00e9", "sea", "sea, blue")
    assert not problems
    told = [text for _, text in warnings]
    assert told[0].endswith("'A box &amp; a ball.', now 'A box & a ball.'")
    assert [text.split(": ")[1] for text in told[:3]] == [
        "HTML entities unescaped",
        "letters composed (Unicode NFC)",
        "invisible marks removed",
    ]
    assert "is one label with a separator in it" in told[3]


def test_captions_may_be_lists_of_tokens_where_blanks_part_them():
    entries, problems, _ = judge(
        {"file_name": "a", "captions": [["\u8349\u5730", "\u4e0a"], "x y"]},
        {"file_name": "b", "caption": ["z"]},
        {"file_name": "c", "captions": [["a b"], ["", 3]]},
        tokenizer="blanks",
    )
    assert [e.captions for e in entries[:2]] == [("\u8349\u5730 \u4e0a", "x y"), ("z",)]
    assert [(line, text.rpartition(" ")[2]) for line, text in problems] == [(3, "b'"), (3, "''")]


def test_a_caption_without_a_word_is_told():
    _, _, warnings = judge({"file_name": "a", "captions": ["\u2764\U0001f600", "\U0001f600"]})
    assert [text[:37] for _, text in warnings] == ["caption 2 has no word and is left out"]
