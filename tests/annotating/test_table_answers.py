"""Answers as CSV and as a database: for people and queries, and to go on with after a kill."""

import contextlib
import csv
import io
import json
import os
import sqlite3

import pytest

from semreg_tf.annotating.answer_file import answer_row
from semreg_tf.annotating.csv_answers import COLUMNS, HEADER, CsvAnswers, csv_line
from semreg_tf.annotating.picture_list import Picture
from semreg_tf.annotating.sqlite_answers import SqliteAnswers
from semreg_tf.image_annotation import ImageAnnotation

BOTH = ImageAnnotation(
    "a dog, wet",
    (("a dog, wet", -1.5), ("a dog", -2.0)),
    (("dog", 0.9), ("sea", 0.5)),
    label_scores=(0.75, 0.5),
    labels=("sea, blue", "dog"),
    n_best_labels=(("sea, blue", "dog"),),
    label_probabilities=(("dog", 0.8),),
)
TAGS = ImageAnnotation("sea", (("sea", -0.1),), (("sea", 0.9),), labels=("sea",))
ODD = 'line\nbreak, "quoted".jpg'
LATIN = os.fsdecode(b"caf\xe9.jpg")
ROWS = [
    answer_row(Picture("a.jpg"), BOTH, "m1", "out/a.jpg"),
    answer_row(Picture(ODD), ImageAnnotation(None, error="damaged: truncated"), "m1"),
    answer_row(Picture(LATIN), TAGS, "m1"),
]
KINDS = [CsvAnswers, SqliteAnswers]


def write(kind, path, rows=ROWS, model="m1"):
    file = kind(path, model)
    for row in rows:
        file.append(row)
    file.close()


def read(kind, path):
    file = kind(path, "m1")
    file.close()
    return file.rows


def test_csv_has_preparations_columns_and_any_reader_reads_it(tmp_path):
    path = tmp_path / "a.csv"
    write(CsvAnswers, path)
    content = path.read_bytes()
    assert content.count(b"\r\n") == 4
    first, odd, latin = csv.DictReader(io.StringIO(content.decode(), newline=""))
    assert json.loads(first.pop("answer")) == ROWS[0]
    assert first == {
        "file_name": "a.jpg",
        "caption": "a dog, wet",
        "caption_score": "-1.5000",
        "labels": "sea, blue|dog",
        "label_scores": "0.7500|0.5000",
        "concepts": "dog|sea",
        "error": "",
        "model": "m1",
    }
    assert (odd["file_name"], odd["error"], odd["caption"]) == (ODD, "damaged: truncated", "")
    assert (latin["file_name"], latin["caption"], latin["labels"]) == ("caf\\udce9.jpg", "", "sea")
    assert tuple(first) == COLUMNS and csv_line(ROWS[2]) + "," in content.decode()


def test_a_database_is_asked_by_tag(tmp_path):
    path = tmp_path / "a.db"
    write(SqliteAnswers, path)
    write(SqliteAnswers, path)
    database = sqlite3.connect(path)

    def ask(query):
        return database.execute(query).fetchall()

    assert ask("SELECT file, place, probability FROM tags WHERE tag = 'dog'") == [("a.jpg", 2, 0.5)]
    assert ask("SELECT caption, score FROM captions ORDER BY place") == [
        ("a dog, wet", -1.5),
        ("a dog", -2.0),
    ]
    assert ask("SELECT file, error FROM pictures WHERE error <> ''") == [
        (ODD, "damaged: truncated")
    ]
    assert ask("SELECT caption FROM pictures WHERE file = 'a.jpg'") == [("a dog, wet",)]
    assert ask("SELECT count(*) FROM concepts") == [(3,)]
    database.close()
    assert read(SqliteAnswers, path) == {row["file"]: row for row in ROWS}


def test_csv_rows_come_back_with_what_is_needed_to_go_on(tmp_path):
    path = tmp_path / "a.csv"
    write(CsvAnswers, path)
    path.write_bytes("\ufeff".encode() + path.read_bytes())
    assert read(CsvAnswers, path) == {row["file"]: row for row in ROWS}


def test_a_table_without_whole_answers_is_continued_as_it_is(tmp_path):
    path = tmp_path / "a.csv"
    lines = [HEADER, *map(csv_line, ROWS[:2])]
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode())
    write(CsvAnswers, path, ROWS[2:])
    lines.append(csv_line(ROWS[2]))
    assert path.read_bytes() == "".join(f"{line}\r\n" for line in lines).encode()
    rows = read(CsvAnswers, path)
    assert list(rows) == ["a.jpg", ODD, LATIN]
    assert rows["a.jpg"]["labels"] == ["sea, blue", "dog"]
    for row, expected in zip(rows.values(), ROWS, strict=True):
        assert csv_line(row | {"concepts": expected.get("concepts", ())}) == csv_line(expected)


def test_a_table_keeps_line_breaks_and_refuses_labels_that_it_would_split():
    assert csv_line({"file": "a\nb\r.jpg", "model": "m", "error": "x"}).startswith('"a\nb\r.jpg",')
    for row in (ROWS[0] | {"labels": ["cat|dog"]}, ROWS[0] | {"concepts": [["cat|dog", 0.5]]}):
        with pytest.raises(ValueError, match=r"`format` csv separates.*the label 'cat\|dog'"):
            csv_line(row)


def test_a_kill_at_any_byte_loses_the_last_record_at_most(tmp_path):
    path = tmp_path / "a.csv"
    write(CsvAnswers, path)
    whole = path.read_bytes()
    ends = [len(whole[: whole.index(mark)]) for mark in (b"a.jpg", b'"line', b"caf")]
    for size in (*range(0, len(whole), 11), len(whole) - 1, len(whole)):
        path.write_bytes(whole[:size])
        number = len(read(CsvAnswers, path))
        done = sum(size >= end for end in [*ends, len(whole)]) - 1
        assert max(done - 1, 0) <= number <= max(done, 0), size
        write(CsvAnswers, path, [r for r in ROWS if r["file"] not in read(CsvAnswers, path)])
        assert path.read_bytes() == whole, size


@pytest.mark.parametrize("kind", KINDS)
def test_another_models_answers_and_other_files_are_refused_and_left_alone(kind, tmp_path):
    path = tmp_path / "answers"
    write(kind, path, ROWS[:1], "m1")
    with pytest.raises(ValueError, match=r"not of another.*of model m1, not m2"):
        kind(path, "m2")
    for other in (b"precious", b"some,columns\r\n1,2\r\n"):
        (tmp_path / "other").write_bytes(other)
        with pytest.raises(ValueError, match="`answers` must be a new file or"):
            kind(tmp_path / "other", "m1")
        assert (tmp_path / "other").read_bytes() == other


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file_name,labels\r\na.jpg,dog\r\nb.jpg,cat", "hold the columns"),
        (b'\xff\xd8\r\n\n\x00"\n\x01', "hold the columns"),
        (f"{HEADER}\r\na.jpg,dog\r\nb.jpg".encode(), "record 2 is not an answer"),
        (f"{HEADER}\r\n{csv_line(ROWS[0] | {'model': 'm2'})}\r\nb.j".encode(), "of model m2"),
    ],
)
def test_a_refused_table_keeps_its_last_line(tmp_path, content, message):
    (tmp_path / "annotations.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        CsvAnswers(tmp_path / "annotations.csv", "m1")
    assert (tmp_path / "annotations.csv").read_bytes() == content


@pytest.mark.parametrize(
    "schema", ["(id INTEGER, name TEXT)", "(file TEXT, place INTEGER, tag TEXT, probability REAL)"]
)
def test_a_database_of_others_is_refused_and_left_alone(tmp_path, schema):
    path = tmp_path / "photos.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(f"CREATE TABLE tags {schema}")
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"it has other tables.*photos\.db"):
        SqliteAnswers(path, "m1")
    assert path.read_bytes() == before
    path.write_bytes(b"")
    write(SqliteAnswers, path)
    assert len(read(SqliteAnswers, path)) == len(ROWS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_writer_is_refused_at_once(kind, tmp_path):
    file = kind(tmp_path / "answers", "m1")
    with pytest.raises(ValueError, match="process"):
        kind(tmp_path / "answers", "m1")
    file.close()
    kind(tmp_path / "answers", "m1").close()
