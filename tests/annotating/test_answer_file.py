"""Answers survive a kill at any byte, and belong to one model."""

import json
import resource

import pytest

from semreg_tf.annotating.answer_file import AnswerFile, answer_row
from semreg_tf.annotating.picture_list import Picture
from semreg_tf.image_annotation import ImageAnnotation

GOOD = ImageAnnotation("a dög", (("a dög", -1.5),), (("dog", 0.9),) * 20, unknown_user_tags=2)
ROWS = [
    answer_row(Picture("a.jpg"), GOOD, "m1", "out/a.jpg"),
    answer_row(Picture("b.jpg"), ImageAnnotation(None, error="no such picture"), "m1"),
    answer_row(Picture("c.jpg"), ImageAnnotation("sky"), "m1"),
]


def write(path, rows=ROWS):
    file = AnswerFile(path, "m1")
    for row in rows:
        file.append(row)
    file.close()


def test_a_row_holds_what_was_said():
    assert ROWS[0] == {
        "file": "a.jpg",
        "model": "m1",
        "text": "a dög",
        "n_best": [["a dög", -1.5]],
        "concepts": [["dog", 0.9]] * 10,
        "unknown_user_tags": 2,
        "copy": "out/a.jpg",
    }
    assert ROWS[1] == {"file": "b.jpg", "model": "m1", "error": "no such picture"}
    assert "unknown_user_tags" not in ROWS[2]


def test_labels_have_their_scores():
    annotation = ImageAnnotation("oven, cup", label_scores=(0.75, 0.5))
    assert answer_row(Picture("a.jpg"), annotation, "m1")["label_scores"] == [0.75, 0.5]
    assert "label_scores" not in ROWS[0]


def test_labels_are_lists():
    tags = ImageAnnotation(
        "sea, blue, boat", labels=("sea, blue", "boat"), n_best_labels=(("sea, blue", "boat"),)
    )
    row = answer_row(Picture("a.jpg"), tags, "m1")
    assert row["labels"] == ["sea, blue", "boat"]
    assert row["n_best_labels"] == [["sea, blue", "boat"]]
    assert "labels" not in ROWS[0]


def test_a_byte_order_mark_before_the_answers_is_passed_over(tmp_path):
    path = tmp_path / "answers.jsonl"
    write(path)
    path.write_bytes("\ufeff".encode() + path.read_bytes())
    file = AnswerFile(path, "m1")
    assert len(file.rows) == len(ROWS)
    file.close()


def test_rows_come_back(tmp_path):
    path = tmp_path / "new" / "answers.jsonl"
    write(path)
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == ROWS
    file = AnswerFile(path, "m1")
    assert file.rows == {row["file"]: row for row in ROWS}
    file.close()


def test_a_kill_at_any_byte_loses_the_last_row_at_most(tmp_path):
    path = tmp_path / "answers.jsonl"
    write(path)
    whole = path.read_bytes()
    lengths = [len(line) for line in whole.splitlines(keepends=True)]
    for size in range(len(b'{"file"'), len(whole) + 1):
        path.write_bytes(whole[:size])
        file = AnswerFile(path, "m1")
        kept = sum(sum(lengths[: i + 1]) <= size for i in range(3))
        assert list(file.rows) == ["a.jpg", "b.jpg", "c.jpg"][:kept]
        for row in ROWS[kept:]:
            file.append(row)
        file.close()
        assert path.read_bytes() == whole


def test_answers_of_another_model_are_refused(tmp_path):
    write(tmp_path / "answers.jsonl")
    with pytest.raises(ValueError, match=r"not of another\..*m1, not m2"):
        AnswerFile(tmp_path / "answers.jsonl", "m2")


@pytest.mark.parametrize("content", ["a poem\n", '{"file": 1}\n', "[1]\n", "{}\n"])
def test_another_file_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "poem.txt"
    path.write_text(content)
    with pytest.raises(
        ValueError, match=r"hold answers of an earlier start\..*line 1 is not an answer"
    ):
        AnswerFile(path, "m1")
    assert path.read_text() == content


def test_a_file_without_a_line_is_not_cut(tmp_path):
    path = tmp_path / "poem.txt"
    path.write_text("one line without an end")
    with pytest.raises(ValueError, match="line 1 is not an answer"):
        AnswerFile(path, "m1")
    assert path.read_text() == "one line without an end"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"file": "a poem", "year": 1}', "line 1 is not an answer"),
        ("a poem\nits last line", "line 1 is not an answer"),
        ("\xff\xd8\n\x00", "line 1 is not an answer"),
        (json.dumps(ROWS[0]) + "\na poem\nits last line", "line 2 is not an answer"),
        (json.dumps(ROWS[0] | {"model": "m2"}) + '\n{"file": "torn', "of model m2, not m1"),
    ],
)
def test_a_refused_file_keeps_its_last_line(tmp_path, content, message):
    path = tmp_path / "annotations"
    path.write_bytes(content.encode())
    with pytest.raises(ValueError, match=message):
        AnswerFile(path, "m1")
    assert path.read_bytes() == content.encode()


def test_two_writers_of_one_file_are_refused(tmp_path):
    path = tmp_path / "answers.jsonl"
    first = AnswerFile(path, "m1")
    with pytest.raises(ValueError, match=r"`answers` must not be in use .*process \d+ on "):
        AnswerFile(path, "m1")
    first.append(ROWS[0])
    first.close()
    AnswerFile(path, "m1").close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["answers.jsonl"]


def test_a_full_disk_is_one_line_and_keeps_the_answers_before(tmp_path):
    path = tmp_path / "answers.jsonl"
    write(path, ROWS[:1])
    file = AnswerFile(path, "m1")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 5, hard))
    try:
        with pytest.raises(
            OSError, match=r"`answers`: an answer could not be written; earlier answers are"
        ):
            file.append(ROWS[1])
        file.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    file = AnswerFile(path, "m1")
    assert list(file.rows) == ["a.jpg"]
    file.append(ROWS[1])
    file.close()
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2
