import logging
import os
import re
import resource
import threading

import numpy as np
import pytest

from semreg_tf.data import array_file
from semreg_tf.data.features_cache import cache_key, load_or_compute

ROWS, VIEWS, SIZE = 10, 2, 3
FEATURES = np.random.default_rng(0).normal(size=(ROWS, VIEWS, SIZE)).astype(np.float32)
WEIGHTS = [np.arange(6, dtype=np.float32).reshape(2, 3), np.zeros(4, np.float32)]
DESCRIBED = {
    "encoder": "small_cnn",
    "size": 32,
    "mode": "inception",
    "views": 2,
    "split": "train",
    "image_ids": ["a", "b"],
}


class Interrupted(Exception):
    """Stands for whatever ends a run."""


class Encoder:
    """Yields blocks of four rows from the row asked for; may be stopped before a row."""

    def __init__(self, stop_before=None, features=FEATURES):
        self.stop_before, self.features, self.asked, self.computed = stop_before, features, [], 0

    def __call__(self, first):
        self.asked.append(first)
        for start in range(first, len(self.features), 4):
            if self.stop_before is not None and start >= self.stop_before:
                raise Interrupted
            block = self.features[start : start + 4]
            self.computed += len(block)
            yield block


def load(folder, encoder, key="key"):
    return load_or_compute(folder, key, (ROWS, VIEWS, SIZE), encoder)


def test_key_changes_with_the_weights_and_with_everything_described():
    keys = {cache_key(WEIGHTS, **DESCRIBED)}
    nudged = [WEIGHTS[0].copy(), WEIGHTS[1]]
    nudged[0][1, 2] = np.nextafter(nudged[0][1, 2], 9)
    for weights in (nudged, WEIGHTS[::-1], WEIGHTS[:1], [], [WEIGHTS[0].T, WEIGHTS[1]]):
        keys.add(cache_key(weights, **DESCRIBED))
    # The same bytes in other shapes.
    keys.add(cache_key([WEIGHTS[0].reshape(3, 2), WEIGHTS[1]], **DESCRIBED))
    for change in (
        {"encoder": "vgg16"},
        {"size": 33},
        {"mode": "caffe"},
        {"views": 10},
        {"split": "test"},
        {"image_ids": ["b", "a"]},
        {"image_ids": ["a", "b", "c"]},
        {"image_ids": ["ab"]},
        {"pooling": "average"},
    ):
        keys.add(cache_key(WEIGHTS, **{**DESCRIBED, **change}))
    assert len(keys) == 16
    assert all(re.fullmatch("[0-9a-f]{24}", key) for key in keys)


def test_key_is_that_of_another_process_and_of_any_order_of_words():
    assert cache_key(WEIGHTS, **DESCRIBED) == "eb9ebb713f7be4d1fb4fb79c"
    backwards = dict(reversed(DESCRIBED.items()))
    copies = (np.asfortranarray(array) for array in WEIGHTS)
    assert cache_key(copies, **backwards) == cache_key(WEIGHTS, **DESCRIBED)


def test_computed_once_then_read(tmp_path):
    folder, encoder = tmp_path / "not" / "there", Encoder()
    for _ in range(2):
        found = load(folder, encoder)
        assert isinstance(found, np.memmap)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, FEATURES)
    assert encoder.asked == [0]
    assert sorted(os.listdir(folder)) == ["key.crc32c.json", "key.npy"]
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 0


def test_another_key_is_computed_anew(tmp_path):
    load(tmp_path, Encoder())
    other = Encoder(features=FEATURES + 1)
    np.testing.assert_array_equal(load(tmp_path, other, "other"), FEATURES + 1)
    np.testing.assert_array_equal(load(tmp_path, Encoder(stop_before=0)), FEATURES)


@pytest.mark.parametrize("stop_before", [0, 4, 8])
def test_an_interrupted_run_goes_on_at_its_row(tmp_path, stop_before):
    with pytest.raises(Interrupted):
        load(tmp_path, Encoder(stop_before))
    assert not (tmp_path / "key.npy").exists()
    encoder = Encoder()
    np.testing.assert_array_equal(load(tmp_path, encoder), FEATURES)
    assert encoder.asked == [stop_before]
    assert encoder.computed == ROWS - stop_before
    assert sorted(os.listdir(tmp_path)) == ["key.crc32c.json", "key.npy"]


def test_a_run_stopped_before_the_renaming_has_nothing_left_to_compute(tmp_path, monkeypatch):
    def killed(*_):
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(array_file.os, "replace", killed)
        with pytest.raises(Interrupted):
            load(tmp_path, Encoder())
    encoder = Encoder()
    np.testing.assert_array_equal(load(tmp_path, encoder), FEATURES)
    assert encoder.asked == []


def test_rows_done_without_their_file_count_for_nothing(tmp_path):
    with pytest.raises(Interrupted):
        load(tmp_path, Encoder(4))
    (tmp_path / "key.partial.npy").unlink()
    encoder = Encoder()
    np.testing.assert_array_equal(load(tmp_path, encoder), FEATURES)
    assert encoder.asked == [0]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (FEATURES[:8], "`compute` must yield 10 rows in all. Received: 8 rows"),
        (
            np.zeros((12, VIEWS, SIZE)),
            "`compute` must yield rows of (2, 3), 10 in all. Received: (4, 2, 3) after 8 rows",
        ),
        (np.zeros((ROWS, 1, SIZE)), "rows of (2, 3), 10 in all. Received: (4, 1, 3) after 0 rows"),
    ],
)
def test_other_rows_than_promised_are_refused(tmp_path, features, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        load(tmp_path, Encoder(features=features))
    assert not (tmp_path / "key.npy").exists()


def test_size_and_place_are_logged(tmp_path, caplog):
    caplog.set_level(logging.INFO, "semreg_tf")
    big = np.zeros((1, 1, 1 << 19), np.float32)
    load_or_compute(tmp_path, "big", (1, 1, 1 << 19), lambda first: [big])
    path = tmp_path / "big.npy"
    assert caplog.messages == [f"Features of 1 images: computed once, 2 MiB in {path}"]
    load_or_compute(tmp_path, "big", (1, 1, 1 << 19), lambda first: [])
    assert caplog.messages[1] == f"Features: read from {path}"


def warnings_of(caplog):
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


def damage(path, how):
    content = bytearray(path.read_bytes())
    if how == "cut short":
        del content[-5:]
    else:
        content[-3 if how == "flipped" else 70] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["flipped", "flipped in its header", "cut short"])
@pytest.mark.parametrize("name", ["key.npy", "key.crc32c.json"])
def test_a_damaged_cache_is_told_and_computed_again(tmp_path, caplog, name, how):
    load(tmp_path, Encoder())
    if name.endswith("json") and how == "flipped in its header":
        how = "cut short"
    damage(tmp_path / name, how)
    encoder = Encoder()
    np.testing.assert_array_equal(load(tmp_path, encoder), FEATURES)
    assert encoder.asked == [0]
    (told,) = warnings_of(caplog)
    assert told.startswith(f"{tmp_path / 'key.npy'} is damaged (")
    assert told.endswith("): it is computed again")
    load(tmp_path, Encoder(stop_before=0))


def test_a_cache_under_another_ones_name_is_computed_again(tmp_path, caplog):
    load(tmp_path, Encoder(), "other")
    for suffix in (".npy", ".crc32c.json"):
        (tmp_path / f"other{suffix}").rename(tmp_path / f"key{suffix}")
    encoder = Encoder()
    load(tmp_path, encoder)
    assert encoder.asked == [0]
    assert "its checksum is of another file" in warnings_of(caplog)[0]


def test_a_cache_of_before_checksums_is_read_and_told(tmp_path, caplog):
    np.save(tmp_path / "key.npy", FEATURES)
    np.testing.assert_array_equal(load(tmp_path, Encoder(stop_before=0)), FEATURES)
    assert "has no checksum" in warnings_of(caplog)[0]
    np.save(tmp_path / "key.npy", FEATURES[:5])
    np.testing.assert_array_equal(load(tmp_path, Encoder()), FEATURES)
    assert "it holds (5, 2, 3) of float32, not (10, 2, 3)" in caplog.text


def test_damaged_rows_of_an_interrupted_run_are_computed_anew(tmp_path, caplog):
    with pytest.raises(Interrupted):
        load(tmp_path, Encoder(8))
    content = bytearray((tmp_path / "key.partial.npy").read_bytes())
    content[128 + 4 * 20] ^= 8
    (tmp_path / "key.partial.npy").write_bytes(content)
    encoder = Encoder()
    np.testing.assert_array_equal(load(tmp_path, encoder), FEATURES)
    assert encoder.asked == [0]
    assert "key.partial.npy is damaged: it is computed again" in caplog.text


def test_a_full_disk_is_told_before_anything_is_computed(tmp_path):
    """Not by SIGBUS, as a page of a mapped file that finds no room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    encoder = Encoder()
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))
    try:
        with pytest.raises(OSError, match=r"`folder` has no space for the 10 rows of key\.npy"):
            load(tmp_path, encoder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert encoder.asked == []
    np.testing.assert_array_equal(load(tmp_path, encoder), FEATURES)


def test_a_disk_that_fills_meanwhile_keeps_the_rows_done(tmp_path, monkeypatch):
    monkeypatch.setattr(array_file.os, "posix_fallocate", lambda *_: None)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (128 + 4 * 24 + 10, hard))
    try:
        with pytest.raises(OSError, match=r"finished rows are kept.*key\.npy.*File too large"):
            load(tmp_path, Encoder())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    encoder = Encoder()
    np.testing.assert_array_equal(load(tmp_path, encoder), FEATURES)
    assert encoder.asked == [4]


def test_a_second_process_waits_for_the_first_and_reads_what_it_wrote(tmp_path, caplog):
    started, go_on = threading.Event(), threading.Event()

    def slowly(first):
        started.set()
        go_on.wait(20)
        yield from Encoder()(first)

    first = threading.Thread(target=load, args=(tmp_path, slowly))
    first.start()
    started.wait(20)
    timer = threading.Timer(0.3, go_on.set)
    timer.start()
    np.testing.assert_array_equal(load(tmp_path, Encoder(stop_before=0)), FEATURES)
    first.join()
    assert f"Waiting: process {os.getpid()} on " in caplog.text
