"""Beam's DirectRunner says of every picture what the stream says."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from semreg_tf.annotating.collection import Job, annotate_collection
from semreg_tf.annotating.picture_list import Picture

pytestmark = pytest.mark.large


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(7):
        pixels = np.random.default_rng(seed).integers(0, 255, 3) * np.ones((30, 40, 3))
        PIL.Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{seed}.png")
    (folder / "bad.png").write_bytes(b"no picture")
    return folder


def rows_of(prefix):
    files = sorted(prefix.parent.glob(f"{prefix.name}-*-of-*.jsonl"))
    assert files
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return {row["file"]: row for row in map(json.loads, lines)}


def test_beam_answers_as_the_stream_does(toy_export, photos, tmp_path):
    pytest.importorskip("apache_beam", reason="needs the extra `beam`")
    from semreg_tf.annotating.beam_pipeline import BeamJob, annotate_on_beam

    export = toy_export("demo_tags/cnn_logistic_tag1k")
    tags = export.vocabularies.user_tags.names[0] + ", nosuch"
    missing, tagged = str(photos / "missing.jpg"), str(photos / "0.png")
    answers, copies = str(tmp_path / "answers"), str(tmp_path / "copies")
    counts = annotate_on_beam(
        BeamJob(str(export.path), answers, copies, batch_size=3),
        [Picture(str(photos / "[1-9b]*.png")), Picture(missing), Picture(tagged, tags)],
        ["--runner=DirectRunner"],
    )
    assert counts == {"annotated": 7, "unreadable": 2}
    rows = rows_of(tmp_path / "answers")
    files = [str(p) for p in sorted(photos.iterdir()) if p.name != "0.png"]
    pictures = [*map(Picture, [*files, missing]), Picture(tagged, tags)]
    expected = {r["file"]: r for r in annotate_collection(Job(export.model, pictures))}
    assert set(rows) == set(expected)
    for file, row in rows.items():
        assert row.get("text") == expected[file].get("text")
        assert row["model"] == expected[file]["model"]
    assert rows[tagged]["unknown_user_tags"] == 1
    assert rows[str(photos / "bad.png")]["error"] == expected[str(photos / "bad.png")]["error"]
    assert "missing.jpg" in rows[missing]["error"]
    copies = [row["copy"] for row in rows.values() if "copy" in row]
    assert sorted(copies) == sorted(map(str, (tmp_path / "copies").iterdir()))
    assert len(copies) == 7


def test_without_beam_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.delitem(sys.modules, "semreg_tf.annotating.beam_pipeline", raising=False)
    with pytest.raises(ModuleNotFoundError):
        import semreg_tf.annotating.beam_pipeline  # noqa: F401


@pytest.mark.parametrize("answers_format", ["csv", "xmp"])
def test_beam_writes_the_other_formats(toy_export, photos, tmp_path, answers_format):
    pytest.importorskip("apache_beam", reason="needs the extra `beam`")
    from semreg_tf.annotating.beam_pipeline import BeamJob, annotate_on_beam

    export = toy_export("demo_tags/cnn_logistic_tag1k")
    before = {p.name: p.read_bytes() for p in photos.iterdir()}
    (photos / "1.png.xmp").write_bytes(b"no XMP")
    answers = tmp_path / "answers"
    job = BeamJob(str(export.path), str(answers), answers_format=answers_format)
    pictures = [Picture(str(photos / "*.png"))]
    for _ in range(2):
        counts = annotate_on_beam(job, pictures, ["--runner=DirectRunner"])
        assert counts == {"annotated": 7, "unreadable": 1}
    assert {name: (photos / name).read_bytes() for name in before} == before
    if answers_format == "csv":
        files = sorted(tmp_path.glob("answers-*-of-*.csv"))
        rows = [row for file in files for row in csv.DictReader(file.open(newline=""))]
        assert sorted(Path(row["file_name"]).name for row in rows) == sorted(before)
        known = set(export.vocabularies.output.names)
        assert all(set(row["labels"].split("|")) <= known for row in rows if not row["error"])
        assert sum(bool(row["error"]) for row in rows) == 1
        return
    rows = rows_of(answers)
    assert sorted(p.name for p in photos.glob("*.xmp")) == [f"{i}.png.xmp" for i in range(7)]
    assert (photos / "1.png.xmp").read_bytes() == b"no XMP"
    assert "is unchanged" in rows[str(photos / "1.png")]["sidecar_error"]
    first = rows[str(photos / "0.png")]["labels"][0]
    assert f"<rdf:li>{first}</rdf:li>" in (photos / "0.png.xmp").read_text()
