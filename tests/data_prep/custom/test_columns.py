import pytest

from data_prep.custom.annotation_file import read_rows
from data_prep.custom.columns import cell_value, column_of, hint_at
from data_prep.custom.findings import Findings


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("file_name", "file_name"),
        *((n, "file_name") for n in ("filename", "File Name", "image", "file", "SourceFile")),
        *((n, "labels") for n in ("tags", "Keywords", "label", "categories")),
        ("Caption", "caption"),
        ("user-tags", "user_tags"),
        ("colour", None),
    ],
)
def test_names_that_people_and_tools_give_columns(name, column):
    assert column_of(name) == column


def test_an_unknown_column_has_the_nearest_one_hinted_at():
    assert hint_at("keywrods") == " Is keywords meant?"
    assert hint_at("lables") == " Is labels meant?"
    assert hint_at("weather") == ""


def test_tags_of_other_tools_are_parted_by_commas():
    assert cell_value("tags", "labels", "dog, sea; sky,") == ["dog", "sea", "sky"]
    assert cell_value("keywords", "labels", "dog, wet|sea") == ["dog, wet", "sea"]
    assert cell_value("labels", "labels", "dog, wet") == ["dog, wet"]
    assert cell_value("caption", "caption", "A dog, wet.") == "A dog, wet."


@pytest.fixture
def read(tmp_path):
    def read(text, name="a.csv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        findings = Findings()
        rows = read_rows(tmp_path / name, findings)
        return [r.values for r in rows], findings

    return read


def test_csv_of_natural_names(read):
    rows, findings = read('filename,tags,Caption\na.jpg,"dog, sea",A dog.\nb.jpg,sky,\n')
    assert rows == [
        {"file_name": "a.jpg", "labels": ["dog", "sea"], "caption": "A dog."},
        {"file_name": "b.jpg", "labels": ["sky"]},
    ]
    assert not findings.problems
    told = [f.text for f in findings.warnings]
    assert told[0] == "the column 'filename' is read as `file_name`"
    assert told[1].startswith("the column 'tags' is read as `labels`, the classes to predict")
    assert len(told) == 3


def test_json_lines_of_natural_names_are_told_once(read):
    text = '{"image": "a.jpg", "tags": "dog, sea"}\n{"image": "b.jpg", "tags": ["a, b"]}\n'
    rows, findings = read(text, "a.jsonl")
    assert rows == [
        {"file_name": "a.jpg", "labels": ["dog", "sea"]},
        {"file_name": "b.jpg", "labels": ["a, b"]},
    ]
    assert [f.line for f in findings.warnings] == [1, 1]


def test_semicolons_between_columns_are_seen_by_natural_names(read):
    rows, _ = read('image;keywords\na.jpg;"dog, sea"\n')
    assert rows == [{"file_name": "a.jpg", "labels": ["dog", "sea"]}]


def test_two_columns_of_one_meaning_are_refused(read):
    rows, findings = read("SourceFile,Keywords,Subject\na.jpg,x,y\n")
    assert not rows
    (problem,) = findings.problems
    assert problem.text == "the columns 'Keywords' and 'Subject' all mean `labels`: leave one"
