"""`kill -9` at random moments of five jobs: nothing half is ever in place, and the end is the same.

Each job is killed four times in one folder, then ends there, and is compared with an undisturbed
run. The moments are drawn by a seed from the time that the undisturbed run took.
"""

import json
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from semreg_tf.data.records import find_builder
from semreg_tf.files import digests
from semreg_tf.training import checkpoints

KILLS = 4
PROGRAM = Path(__file__).with_name("killed_jobs.py")


def start(job, folder, data_dir, kill_after_secs=None):
    """Runs a job; returns whether it was killed, and its seconds from "begin" on."""
    command = [sys.executable, str(PROGRAM), job, str(folder), str(data_dir)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        # A full pipe would stop it.
        errors = []
        reader = threading.Thread(target=lambda: errors.append(process.stderr.read()))
        reader.start()
        assert process.stdout.readline() == "begin\n", errors
        began = time.monotonic()
        if kill_after_secs is not None:
            timer = threading.Timer(kill_after_secs, process.send_signal, [signal.SIGKILL])
            timer.start()
        rest = process.stdout.read()
        process.wait()
        reader.join()
        if kill_after_secs is not None:
            timer.cancel()
    killed = process.returncode == -signal.SIGKILL
    assert killed or (process.returncode == 0 and rest.endswith("end\n")), errors
    return killed, time.monotonic() - began


def outcome_of_prepare(folder):
    """The records, and all files but TFDS's description, which holds the time."""
    version = find_builder(folder, "demo").data_dir
    files = [p for p in Path(version).rglob("*") if p.is_file()]
    kept = [p for p in files if p.name not in ("dataset_info.json", "dataset_counts.json")]
    files = {p.relative_to(version).as_posix(): digests.file_digest(p) for p in kept}
    shards = sorted(name for name in files if ".tfrecord" in name)
    # A protocol buffer's map has no order of its own.
    records = [
        tf.train.Example.FromString(record.numpy())
        for record in tf.data.TFRecordDataset([str(Path(version) / name) for name in shards])
    ]
    return records, shards, {n: files[n] for n in files if n not in shards}


def outcome_of_train(folder):
    path = folder / "run"
    rows = [json.loads(line) for line in (path / "history.jsonl").read_text().splitlines()]
    for row in rows:
        row.pop("elapsed_secs")
    names = sorted(p.name for p in (path / "checkpoints").iterdir())
    last = checkpoints.list_checkpoints(path)[-1]
    reader = tf.train.load_checkpoint(str(last / "tensors"))
    weights = {n: reader.get_tensor(n).tobytes() for n in checkpoints.stored_names(last)}
    return rows, names, checkpoints.read_best(path), weights


def outcome_of_features(folder):
    return digests.file_digests(folder, ["key.npy", "key.crc32c.json"])


def outcome_of_export(folder):
    assert [p.name for p in folder.iterdir()] == ["model"]
    info = json.loads((folder / "model" / "assets.extra" / "semreg_tf.json").read_text())
    digests.check_files(folder / "model", info["digests"], "path")
    assets = {n: d for n, d in info["digests"].items() if n.startswith("assets")}
    return info["weights_sha256"], assets


def outcome_of_annotate(folder):
    copies = folder / "copies"
    answers = [json.loads(x) for x in (copies / "annotations.jsonl").read_text().splitlines()]
    for row in answers:
        row["copy"] = Path(row["copy"]).name
    files = {p.name: digests.file_digest(p) for p in copies.iterdir() if p.suffix == ".jpg"}
    return answers, files, sorted(p.name for p in copies.iterdir())


def check_between(job, folder):
    """What is in place after a kill is whole."""
    info = folder / "model" / "assets.extra" / "semreg_tf.json"
    if job == "export" and (folder / "model").exists():
        digests.check_files(folder / "model", json.loads(info.read_text())["digests"], "path")
    if job == "train" and (folder / "run" / "checkpoints").exists():
        for checkpoint in checkpoints.list_checkpoints(folder / "run"):
            checkpoints.verify(checkpoint)


@pytest.fixture
def beside(tmp_path, toy_export):
    """An export and pictures, beside the folders of the jobs."""
    shutil.copytree(toy_export("demo_tags/s_cnn_rnn").path, tmp_path / "model")
    (tmp_path / "pictures").mkdir()
    generator = np.random.default_rng(0)
    for i in range(40):
        pixels = generator.integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{i:02}.jpg")


@pytest.mark.large
@pytest.mark.parametrize("job", ["prepare", "train", "features", "export", "annotate"])
def test_four_kills_change_nothing_of_the_end(job, demo_data, tmp_path, beside):
    _, secs = start(job, tmp_path / "whole", demo_data)
    draw, killed = random.Random(job), 0
    for _ in range(3 * KILLS):
        if killed == KILLS:
            break
        was_killed, _ = start(job, tmp_path / "killed", demo_data, draw.uniform(0, 0.9 * secs))
        killed += was_killed
        check_between(job, tmp_path / "killed")
        if not was_killed:
            # It ended before its kill: it begins anew, so that every kill interrupts something.
            shutil.rmtree(tmp_path / "killed")
    assert killed == KILLS
    start(job, tmp_path / "killed", demo_data)
    outcome = globals()[f"outcome_of_{job}"]
    assert outcome(tmp_path / "killed") == outcome(tmp_path / "whole")
