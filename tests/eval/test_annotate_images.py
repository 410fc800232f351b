"""The command: what it prints, what it leaves, its exit status."""

import contextlib
import csv
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from semreg_tf.annotating.earlier_answers import RESUMING_FIELDS
from tests.processes import run_module

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model(toy_export):
    return toy_export("demo_tags/cnn_logistic_tag1k")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(3):
        pixels = np.random.default_rng(seed).integers(0, 255, 3) * np.ones((30, 40, 3))
        PIL.Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{seed}.png")
    return folder


def command(model, *arguments):
    return [sys.executable, "-m", "eval.annotate_images", f"--model={model.path}", *arguments]


def run(model, *arguments, lines=""):
    return run_module("eval.annotate_images", f"--model={model.path}", *arguments, input=lines)


def test_a_folder_and_standard_input_with_copies(model, photos, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    latin1 = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    shutil.copyfile(photos / "1.png", latin1)
    known = model.vocabularies.user_tags.names[0]
    lines = f"{photos / '2.png'}\t{known}, nosuch\n{tmp_path / 'bad.jpg'}\n{latin1}\n"
    done = run(
        model, "--format=jsonl", f"--out={tmp_path / 'out'}", photos / "0.png", "-", lines=lines
    )
    assert done.returncode == 1, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    names = ["0.png", "2.png", "bad.jpg", os.fsdecode(b"caf\xe9.png")]
    assert [Path(row["file"]).name for row in rows] == names
    assert [row.get("unknown_user_tags") for row in rows] == [0, 1, None, 0]
    # What people pass on tells nothing of the machine.
    assert not any(set(row) & set(RESUMING_FIELDS) for row in rows)
    assert "skipped: `images` must be whole pictures (in no format" in done.stderr
    assert "1 of 4 could not be read" in done.stderr
    # Standard error is a pipe here, so that no bar is drawn.
    assert "annotating" not in done.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        ".copies.jsonl",
        "0.jpg",
        "2.jpg",
        "annotations.jsonl",
        os.fsdecode(b"caf\xe9.jpg"),
    ]
    # The second time nothing is left to do, and the same is printed.
    again = run(
        model, "--format=jsonl", f"--out={tmp_path / 'out'}", photos / "0.png", "-", lines=lines
    )
    assert (again.stdout, again.returncode) == (done.stdout, 1)


def test_a_table_shows_texts_and_concepts(model, photos):
    (photos / "notes.txt").write_bytes(b"")
    done = run(model, photos)
    (photos / "notes.txt").unlink()
    assert done.returncode == 0, done.stderr
    assert "passed over 1 file: 1 .txt" in done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 6
    found = model.model.annotate([photos / f"{i}.png" for i in range(3)])
    for i, annotation in enumerate(found):
        pairs = zip(annotation.text.split(", "), annotation.label_scores, strict=True)
        assert lines[2 * i] == f"{i}.png  " + ", ".join(f"{label} {p:.2f}" for label, p in pairs)
        name, probability = annotation.concepts[0]
        assert lines[2 * i + 1].startswith(f"       [{name} {probability:.2f}, ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "error: Give at least one picture, folder or pattern"),
        (("missing.jpg",), "1 of 1 could not be read"),
        (("--user_tags=a", "--user_tags=b", "x.jpg"), "error: `user_tags` must be given once for"),
        (("--runner=DirectRunner", "x.jpg"), "error: `"),
        (("--runner=DirectRunner", "--format=sqlite", "x.jpg"), "error: `answers` must be given"),
        (("--embed=copies", "x.jpg"), "error: `out` must be given with embed=copies"),
        (("--embed=copies", "--out=.", "x.jpg"), "error: `out` must be another folder than the"),
        (("--out=a.csv", "--format=csv", "x.jpg"), "error: `out` is the folder of captioned"),
        (
            ("--model=none", "x.jpg"),
            "error: `model` must be a folder written by the export command",
        ),
    ],
)
def test_what_cannot_be_is_told_in_one_line_with_status_2(model, arguments, message):
    done = run(model, *arguments)
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if line.startswith(message)], done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.large
def test_a_killed_job_goes_on(model, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for seed in range(400):
        pixels = np.random.default_rng(seed).integers(0, 255, (40, 40, 3), np.uint8)
        PIL.Image.fromarray(pixels).save(folder / f"{seed:03}.png")
    answers = tmp_path / "answers.jsonl"
    arguments = command(model, "--batch_size=2", f"--answers={answers}", str(folder))
    process = subprocess.Popen(
        arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (answers.exists() and answers.read_bytes().count(b"\n") > 20):
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = answers.read_bytes().count(b"\n")
    assert kept < 400
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in answers.read_text().splitlines()]
    assert [Path(row["file"]).name for row in rows] == [f"{i:03}.png" for i in range(400)]


@pytest.mark.large
def test_other_formats_are_written_and_gone_on_with(model, photos, tmp_path):
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    known = set(model.vocabularies.output.names)
    done = run(model, "--format=csv", folder)
    assert done.returncode == 0, done.stderr
    printed = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [Path(row["file_name"]).name for row in printed] == ["0.png", "1.png", "2.png"]
    assert all(set(row["labels"].split("|")) <= known for row in printed)
    for name, reader in (("a.csv", lambda p: len(p.read_text().splitlines()) - 1), ("a.db", rows)):
        kind = {".csv": "csv", ".db": "sqlite"}[Path(name).suffix]
        for _ in range(2):
            done = run(model, f"--format={kind}", f"--answers={tmp_path / name}", folder)
            assert (done.returncode, done.stdout) == (0, f"3 annotated: {tmp_path / name}\n")
        assert reader(tmp_path / name) == 3
    done = run(model, "--format=xmp", folder)
    assert done.returncode == 0 and "0.png" in done.stdout
    sidecars = {p.name: p.read_text() for p in folder.glob("*.xmp")}
    assert set(sidecars) == {"0.xmp", "1.xmp", "2.xmp"}
    first = printed[0]["labels"].split("|")[0]
    assert f"<rdf:li>{first}</rdf:li>" in sidecars["0.xmp"]
    (folder / "1.xmp").write_text("no XMP")
    done = run(model, "--format=xmp", folder)
    assert done.returncode == 1 and "1.xmp is unchanged" in done.stderr
    assert "1 of 3 got no metadata" in done.stderr
    assert {name: (folder / name).read_bytes() for name in before} == before


def rows(path):
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT count(*) FROM pictures").fetchone()[0]
