"""A collection is annotated once, whatever stops it on the way."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from semreg_tf.annotating.collection import Job, annotate_collection, model_id
from semreg_tf.annotating.picture_list import Picture


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(9):
        pixels = np.random.default_rng(seed).integers(0, 255, 3) * np.ones((30, 40, 3))
        PIL.Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{seed}.png")
    (folder / "bad.jpg").write_bytes(b"no picture")
    names = [*(f"{seed}.png" for seed in range(5)), "bad.jpg", "missing.jpg", "5.png", "6.png"]
    return [Picture(str(folder / name)) for name in [*names, "7.png", "8.png"]]


@pytest.fixture
def job(toy_export, photos):
    return Job(toy_export("demo_tags/cnn_logistic_tag1k").model, photos, batch_size=2)


def test_answers_are_the_models_in_order(job, photos):
    rows = list(annotate_collection(job))
    found = job.model.annotate([p.path for p in photos])
    assert [row["file"] for row in rows] == [p.path for p in photos]
    assert [row.get("text") for row in rows] == [a.text for a in found]
    assert [row.get("error") for row in rows] == [a.error for a in found]
    assert sum("error" in row for row in rows) == 2
    assert {row["model"] for row in rows} == {model_id(job.model)}


def test_copies_and_answers_are_kept_together(job, tmp_path):
    job = dataclasses.replace(job, copies=tmp_path)
    rows = list(annotate_collection(job))
    lines = (tmp_path / "annotations.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == rows
    copies = [row["copy"] for row in rows if "copy" in row]
    assert len(copies) == len(set(copies)) == 9
    assert {str(p) for p in tmp_path.glob("*.jpg")} == set(copies)
    assert not list(tmp_path.glob("*.partial"))


def said(rows):
    """What does not hang on the batch a picture was in, as the last digits of a probability do."""
    return [(row["file"], row.get("text"), row.get("error")) for row in rows]


def test_a_name_that_is_not_utf8_is_annotated_and_resumed(job, photos, tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    shutil.copyfile(photos[0].path, path)
    bad = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jpg")
    pictures = [Picture(path), Picture(bad)]
    job = dataclasses.replace(job, pictures=pictures, copies=tmp_path / "out")
    rows = list(annotate_collection(job))
    assert [row["file"] for row in rows] == [path, bad]
    assert os.path.exists(rows[0]["copy"]) and "error" in rows[1]
    lines = (tmp_path / "out" / "annotations.jsonl").read_text(encoding="utf-8").splitlines()
    assert [os.fsencode(json.loads(line)["file"]) for line in lines] == [
        os.fsencode(path),
        os.fsencode(bad),
    ]
    again = dataclasses.replace(job, model=Counting(job.model))
    assert list(annotate_collection(again)) == rows
    assert again.model.asked == [bad]


class Counting:
    """The model, and how often it was asked."""

    def __init__(self, model):
        self.info, self._model, self.asked = model.info, model, []

    def annotate_stream(self, images, tags=None, batch_size=32):
        def counted():
            for image in images:
                self.asked.append(image)
                yield image

        return self._model.annotate_stream(counted(), tags, batch_size)


@pytest.mark.parametrize("stop_after", [0, 1, 4, 10])
def test_a_job_goes_on_where_it_was_stopped(job, photos, tmp_path, stop_after):
    expected = list(annotate_collection(job))
    job = dataclasses.replace(job, model=Counting(job.model), answers=tmp_path / "answers.jsonl")
    answers = annotate_collection(job)
    taken = [next(answers) for _ in range(stop_after)]
    answers.close()
    assert said(taken) == said(expected[:stop_after])
    kept = job.answers.read_text().splitlines() if job.answers.exists() else []
    assert len(kept) >= stop_after
    if kept:
        # As a kill in the middle of a line leaves it.
        job.answers.write_text("\n".join(kept) + '\n{"file": "torn')
    job.model.asked.clear()
    seen = []

    def progress(rows, total, earlier):
        seen.append((total, earlier))
        return rows

    assert said(annotate_collection(job, progress)) == said(expected)
    # Pictures that could not be read are tried again.
    unread = [row["file"] for row in expected if "error" in row]
    answered = [p.path for p in photos[: len(kept)] if p.path not in unread]
    assert seen == [(len(photos), len(answered))]
    assert job.model.asked == [p.path for p in photos if p.path not in answered]
    job.model.asked.clear()
    assert said(annotate_collection(job)) == said(expected)
    assert job.model.asked == unread
    assert len(job.answers.read_text().splitlines()) == len(photos)


def test_missing_copies_are_drawn_without_the_model(job, photos, tmp_path):
    answers = tmp_path / "answers.jsonl"
    list(annotate_collection(dataclasses.replace(job, answers=answers)))
    counting = Counting(job.model)
    job = dataclasses.replace(job, model=counting, answers=answers, copies=tmp_path / "copies")
    list(annotate_collection(job))
    assert len(list((tmp_path / "copies").glob("*.jpg"))) == 9
    assert [Path(path).name for path in counting.asked] == ["bad.jpg", "missing.jpg"]


def test_tags_reach_the_model(job, photos, toy_export):
    known = toy_export("demo_tags/cnn_logistic_tag1k").vocabularies.user_tags.names[0]
    tagged = [Picture(photos[0].path, f"{known}, nosuch"), Picture(photos[1].path)]
    first, second = annotate_collection(dataclasses.replace(job, pictures=tagged))
    assert (first["unknown_user_tags"], second["unknown_user_tags"]) == (1, 0)
    (alone,) = annotate_collection(dataclasses.replace(job, pictures=photos[:1]))
    assert "unknown_user_tags" not in alone
    assert alone["concepts"] != first["concepts"]


def test_a_full_disk_stops_the_job(job, tmp_path, monkeypatch):
    from semreg_tf.annotating import collection

    def full(path, data):
        raise OSError("No space left on device")

    monkeypatch.setattr(collection, "write_whole", full)
    with pytest.raises(OSError, match="No space left"):
        list(annotate_collection(dataclasses.replace(job, copies=tmp_path)))
    assert (tmp_path / "annotations.jsonl").read_text() == ""
