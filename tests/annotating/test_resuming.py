"""A later start takes over the answers that are still right, and prints them as the first did."""

from pathlib import Path

import PIL.Image
import pytest

from semreg_tf.annotating.answer_file import AnswerFile, answer_row
from semreg_tf.annotating.collection import ANSWER_FILES, Job, annotate_collection, model_id
from semreg_tf.annotating.csv_answers import csv_line
from semreg_tf.annotating.picture_list import Picture, list_pictures
from semreg_tf.image_annotation import ImageAnnotation
from tests.annotating.stand_in import DOG, StandIn


@pytest.fixture(autouse=True)
def _pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("trip1", "trip2"):
        (tmp_path / name).mkdir()
        PIL.Image.new("RGB", (40, 30)).save(tmp_path / name / "1.png")


def annotate(*arguments, model=None, **options):
    return list(annotate_collection(Job(model or StandIn(), list_pictures(arguments), **options)))


def test_a_table_beside_the_copies_is_continued(tmp_path):
    words = []
    first = annotate("trip1", copies=tmp_path / "out", answers_format="csv")
    model, options = StandIn(), {"copies": tmp_path / "out", "answers_format": "csv"}
    again = annotate("trip1", model=model, also=[words.append], **options)
    assert again == first == words and not model.asked
    assert [csv_line(row) for row in again] == [csv_line(row) for row in first]
    assert (tmp_path / "out" / "annotations.csv").exists()


@pytest.mark.parametrize("kind", ["jsonl", "csv", "sqlite"])
def test_a_changed_picture_or_user_tags_are_annotated_again(tmp_path, kind):
    model, options = StandIn(), {"answers": tmp_path / "answers", "answers_format": kind}
    pictures = [Picture("trip1/1.png", "sea"), Picture("bad.png"), Picture("trip2/1.png")]
    (tmp_path / "bad.png").write_bytes(b"no picture")
    first = list(annotate_collection(Job(model, pictures, **options)))
    assert "error" in first[1]
    model.asked.clear()
    # Nothing has changed: the error alone is tried again, and stands where it stood.
    assert list(annotate_collection(Job(model, pictures, **options))) == first
    assert model.asked == ["bad.png"]
    model.asked.clear()
    PIL.Image.new("RGB", (50, 30)).save(tmp_path / "trip2" / "1.png")
    PIL.Image.new("RGB", (50, 30)).save(tmp_path / "bad.png")
    pictures[0] = Picture("trip1/1.png", "beach")
    model.annotation = ImageAnnotation("sea", (("sea", -1.0),), (("sea", 0.9),))
    again = list(annotate_collection(Job(model, pictures, **options)))
    assert [row["text"] for row in again] == ["sea"] * 3 and len(model.asked) == 3
    model.asked.clear()
    assert list(annotate_collection(Job(model, pictures, **options))) == again
    assert not model.asked
    file = ANSWER_FILES[kind](tmp_path / "answers", model_id(model))
    assert file.rows == {row["path"]: row for row in again}
    file.close()
    if kind != "sqlite":
        # Outdated answers are removed at the end of a start.
        assert len((tmp_path / "answers").read_text().splitlines()) == 3 + (kind == "csv")
    # The answer to a picture that is gone remains.
    (tmp_path / "bad.png").unlink()
    assert list(annotate_collection(Job(model, pictures, **options))) == again


@pytest.mark.parametrize("kind", ["jsonl", "csv", "sqlite"])
def test_pictures_of_the_same_name_in_other_folders_are_others(tmp_path, monkeypatch, kind):
    options = {"answers": tmp_path / "answers", "answers_format": kind}
    model = StandIn()
    for _ in range(2):
        for name in ("trip1", "trip2"):
            monkeypatch.chdir(tmp_path / name)
            (row,) = annotate("1.png", model=model, **options)
            assert row["path"] == str(tmp_path / name / "1.png") and row["file"] == "1.png"
    assert len(model.asked) == 2
    monkeypatch.chdir(tmp_path)
    rows = annotate("trip1", "trip2", model=model, **options)
    assert [row["file"] for row in rows] == ["trip1/1.png", "trip2/1.png"] and len(model.asked) == 2


def test_answers_without_these_fields_are_taken_with_a_warning(tmp_path, caplog):
    model, path = StandIn(), tmp_path / "answers.jsonl"
    file = AnswerFile(path, model_id(model))
    for name in ("trip1/1.png", "trip2/1.png"):
        file.append(answer_row(Picture(name), DOG, model_id(model)))
    file.close()
    before = path.read_bytes()
    assert [row["text"] for row in annotate("trip1", "trip2", model=model, answers=path)]
    assert not model.asked and path.read_bytes() == before
    assert [record.message[:40] for record in caplog.records] == [
        "2 answers are of an earlier version and "
    ]


def test_another_export_of_the_same_weights_is_refused(tmp_path):
    path = tmp_path / "answers.jsonl"
    annotate("trip1", model=StandIn(sha256="a" * 64), answers=path)
    with pytest.raises(ValueError, match=r"`answers`.* of export a{12}, not b{12}"):
        annotate("trip1", model=StandIn(sha256="b" * 64), answers=path)
    annotate("trip1", model=StandIn(sha256="a" * 64), answers=path)


def test_keywords_written_into_a_picture_do_not_make_it_another(tmp_path):
    model, options = StandIn(), {"answers": tmp_path / "answers.jsonl"}

    def embed(row):
        content = Path(row["file"]).read_bytes()
        if not content.endswith(b"dog"):
            Path(row["file"]).write_bytes(content + b"dog")

    annotate("trip1", model=model, **options)
    for _ in range(2):
        annotate("trip1", "trip2", model=model, also=[embed], **options)
    assert len(model.asked) == 2
