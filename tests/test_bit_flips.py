"""Flipped bits and torn ends of everything at rest: each is named, or changes nothing.

The quick versions damage each kind of file a few times; the `large` one about 10,000 times. Both
are seeded, so that a failure comes again.
"""

import collections
import contextlib
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import inference
from semreg_tf.config import DataConfig
from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.features_cache import load_or_compute
from semreg_tf.data.input_pipeline import load_split
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies, load_dataset_names
from semreg_tf.files.export_info import INFO_FILE
from semreg_tf.training import checkpoints, workdir

FEATURES = np.random.default_rng(0).normal(size=(40, 1, 6)).astype(np.float32)
NAMED, HARMLESS = "named", "harmless"


def damaged(content, generator):
    """Returns content with one flipped bit most of the time, or several, cut off, or torn out."""
    content, kind = bytearray(content), generator.random()
    flips = 1 if kind < 0.75 else int(generator.integers(2, 20)) if kind < 0.85 else 0
    for place in generator.integers(len(content), size=flips):
        content[place] ^= 1 << int(generator.integers(8))
    place = int(generator.integers(len(content)))
    if not flips:
        del content[place : None if kind < 0.93 else place + int(generator.integers(1, 100))]
    return bytes(content)


class Damager:
    """Damages files and notes whether a reader names it, is unharmed, or is deceived."""

    def __init__(self, caplog, seed=0):
        self._caplog, self._generator = caplog, np.random.default_rng(seed)
        self.counts = collections.Counter()
        self.failures = []

    def damage(self, path, number, read, same=lambda a, b: a == b):
        """Reads a file damaged `number` times, and puts it back.

        Args:
          path: the file.
          number: how often.
          read: what reads it.
          same: whether what was read is what the whole file gives.
        """
        path, whole = Path(path), Path(path).read_bytes()
        expected = read()
        for _ in range(number):
            content = damaged(whole, self._generator)
            if content != whole:
                path.write_bytes(content)
                outcome = self._outcome(read, expected, same)
                self.counts[outcome] += 1
                if outcome not in (NAMED, HARMLESS):
                    self.failures.append((path.name, outcome, content[:200]))
        path.write_bytes(whole)

    def _outcome(self, read, expected, same):
        self._caplog.clear()
        try:
            found = read()
        except (ValueError, OSError) as error:
            one_line = str(error).startswith("`") and "\n" not in str(error)
            return NAMED if one_line else f"{type(error).__name__} of another form: {error!s:.80}"
        except Exception as error:  # What would be a traceback.
            return f"traceback: {type(error).__name__}: {error!s:.80}"
        if same(found, expected):
            return HARMLESS
        told = [r for r in self._caplog.records if r.levelno >= logging.WARNING]
        return NAMED if told else "silent"

    def check(self, least):
        assert not self.failures, (self.counts, self.failures[:5])
        assert sum(self.counts.values()) >= least, self.counts
        assert self.counts[NAMED] > 0.5 * sum(self.counts.values()), self.counts
        print(dict(self.counts))


@pytest.fixture
def damager(caplog):
    return Damager(caplog)


@pytest.fixture
def dataset(demo_data, tmp_path):
    folder = shutil.copytree(demo_data / "demo", tmp_path / "data" / "demo")
    return folder / "1.0.0"


@pytest.fixture
def run(bare_run, tmp_path):
    return shutil.copytree(bare_run, tmp_path / "run")


def damage_records(damager, dataset, number):
    builder, data = find_builder(dataset.parents[1], "demo"), DataConfig(task="tags")
    split = load_split(builder, "test", Vocabularies.from_dataset(dataset, data), data)

    def read():
        return split.record_reader().read(np.arange(split.num_images)).tolist()

    damager.damage(split.shards[0], number, read)


def damage_dataset(damager, dataset, number):
    def annotations():
        return read_annotations(dataset, "test")

    def names(kind):
        return lambda: load_dataset_names(dataset, kind)

    def info():
        return dict(find_builder(dataset.parents[1], "demo").info.splits)["test"].num_examples

    damager.damage(dataset / "annotations" / "test.jsonl", 2 * number, annotations)
    for kind in ("words", "labels", "user_tags", "groups"):
        damager.damage(dataset / "vocabulary" / f"{kind}.txt", number, names(kind))
    for name in ("dataset_info.json", "features.json", "dataset_counts.json"):
        damager.damage(dataset / name, number // 2, info)


def damage_run(damager, run, number):
    def load():
        return workdir.load_run(run)

    for name in ("vocabulary.txt", "concepts.txt", "user_tags.txt", "config.json"):
        damager.damage(run / name, number, load)


def damage_checkpoint(damager, run, number):
    best = run / "checkpoints" / "step-00000002"

    def read():
        checkpoint = checkpoints.best_or_last(run)
        checkpoints.verify(checkpoint)
        reader = tf.train.load_checkpoint(str(checkpoint / "tensors"))
        names = checkpoints.stored_names(checkpoint)
        values = {name: reader.get_tensor(name).tolist() for name in names}
        return checkpoint, checkpoints.read_state(checkpoint), values

    files = ("state.json", "tensors.index", "tensors.data-00000-of-00001")
    for path in (*(best / name for name in files), run / "checkpoints" / "best.json"):
        damager.damage(path, number, read)


def compute(first):
    for start in range(first, len(FEATURES), 10):
        yield FEATURES[start : start + 10]


class Interrupted(Exception):
    """Stands for a kill."""


def damage_cache(damager, folder, number):
    whole = folder / "whole"

    def load():
        return load_or_compute(folder, "key", FEATURES.shape, compute)

    def load_and_put_back():
        made = np.array(load())
        for path in whole.iterdir():
            shutil.copy(path, folder)
        return made

    load()
    shutil.copytree(folder, whole)
    for name in ("key.npy", "key.crc32c.json"):
        damager.damage(folder / name, number, load_and_put_back, np.array_equal)
    for path in folder.glob("key.*"):
        path.unlink()

    def interrupted(first):
        yield from list(compute(first))[:2]
        raise Interrupted

    with contextlib.suppress(Interrupted):
        load_or_compute(folder, "key", FEATURES.shape, interrupted)
    begun = {path: path.read_bytes() for path in folder.glob("key.*")}
    assert len(begun) == 2

    def go_on():
        made = np.array(load())
        for path in folder.glob("key.*"):
            path.unlink()
        for path, content in begun.items():
            path.write_bytes(content)
        return made

    for path in begun:
        kept = begun[path]
        generator = np.random.default_rng(1)
        for _ in range(number):
            begun[path] = damaged(kept, generator)
            path.write_bytes(begun[path])
            assert np.array_equal(go_on(), FEATURES)
            damager.counts[HARMLESS if begun[path] == kept else NAMED] += 1
        begun[path] = kept
        path.write_bytes(kept)


def damage_export(damager, folder, number, monkeypatch):
    """Files with digests are refused before TensorFlow reads them, so it need not read them."""
    info = json.loads((folder / INFO_FILE).read_text())

    class Loaded:
        signatures: dict = {}  # noqa: RUF012

    with monkeypatch.context() as patch:
        patch.setattr(tf.saved_model, "load", lambda path: Loaded)
        for name in (*info["digests"], str(INFO_FILE)):
            damager.damage(folder / name, number, lambda: inference.load(folder).info)


def damage_variables(damager, folder, number):
    def read():
        return [v.numpy().tobytes() for v in inference.load(folder)._module.weights.stored]

    damager.damage(folder / "variables" / "variables.data-00000-of-00001", number, read)


def damage_all(damager, number, dataset, run, export, folder, monkeypatch):
    """Damages every kind of file about 33 times `number` times."""
    damage_records(damager, dataset, 6 * number)
    damage_dataset(damager, dataset, number)
    damage_run(damager, run, number)
    damage_checkpoint(damager, run, number)
    damage_cache(damager, folder, number)
    damage_export(damager, export, number, monkeypatch)


@pytest.fixture
def export(toy_export, tmp_path):
    return shutil.copytree(toy_export("demo_tags/s_cnn_rnn").path, tmp_path / "export")


def test_a_few_flips_of_every_file(damager, dataset, run, export, tmp_path, monkeypatch):
    damage_all(damager, 3, dataset, run, export, tmp_path / "features", monkeypatch)
    damager.check(least=75)


@pytest.mark.large
def test_ten_thousand_flips(damager, dataset, run, export, tmp_path, monkeypatch):
    damage_all(damager, 310, dataset, run, export, tmp_path / "features", monkeypatch)
    damage_variables(damager, export, 30)
    damager.check(least=10_000)
