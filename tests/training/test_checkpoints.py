"""Checkpoints are whole or absent, and say what does not fit."""

import json
import resource
import shutil

import keras
import numpy as np
import pytest

from semreg_tf.training import checkpoints, workdir
from semreg_tf.training.fused_optimizers import FusedRMSprop


def variables(value=1.0, shape=(2, 3)):
    return {"decoder/000/w": keras.Variable(np.full(shape, value, "f"))}


def test_round_trip(tmp_path):
    checkpoints.save(tmp_path, 7, variables(3.0), {"stage": "unary"})
    (found,) = checkpoints.list_checkpoints(tmp_path)
    assert checkpoints.read_state(found) == {"format_version": 1, "step": 7, "stage": "unary"}
    fresh = variables(0.0)
    assert checkpoints.restore(found, fresh) == ["decoder/000/w"]
    np.testing.assert_array_equal(np.array(fresh["decoder/000/w"]), 3.0)


def test_another_shape_is_named(tmp_path):
    found = checkpoints.save(tmp_path, 1, variables(), {})
    with pytest.raises(ValueError, match=r"'decoder/000/w' of shape \(9, 3\): it has \(2, 3\)"):
        checkpoints.restore(found, variables(shape=(9, 3)))


def test_missing_variable_is_named(tmp_path):
    found = checkpoints.save(tmp_path, 1, variables(), {})
    more = {**variables(5.0), "head/000/w": keras.Variable(np.ones(2, "f"))}
    with pytest.raises(ValueError, match="`checkpoint` must hold 'head/000/w'"):
        checkpoints.restore(found, more)


def test_raw_weights_are_read_where_there_are_any(tmp_path):
    """Checkpoints without an average, those of earlier versions among them, have none."""
    for step, raw in ((1, {}), (2, {"raw/decoder/000/w": keras.Variable(np.full((2, 3), 9.0))})):
        path = checkpoints.save(tmp_path, step, {**variables(3.0), **raw}, {})
        fresh = variables(0.0)
        checkpoints.restore_raw(path, fresh)
        np.testing.assert_array_equal(np.array(fresh["decoder/000/w"]), 9.0 if raw else 3.0)
        checkpoints.restore(path, fresh)
        np.testing.assert_array_equal(np.array(fresh["decoder/000/w"]), 3.0)


def test_an_optimizer_stored_before_rows_were_followed_goes_on(tmp_path):
    def build():
        table = keras.Variable(np.ones((3, 2), "f"))
        optimizer = FusedRMSprop(0.1)
        optimizer.build([table])
        optimizer.follow_rows([table])
        return optimizer

    earlier, later = build(), build()
    earlier.iterations.assign(5)
    stored = checkpoints.optimizer_variables("decoder", earlier)
    (name,) = [n for n in stored if "row_steps" in n]
    stored.pop(name)
    path = checkpoints.save(tmp_path, 5, stored, {})
    assert checkpoints.restore_optimizer(path, "decoder", later) == list(stored)
    np.testing.assert_array_equal(np.asarray(later.row_steps[0]), [5, 5, 5])
    stored.pop("optimizer/decoder/0000")
    path = checkpoints.save(tmp_path, 6, stored, {})
    with pytest.raises(ValueError, match="`checkpoint` must hold 'optimizer/decoder/0000'"):
        checkpoints.restore_optimizer(path, "decoder", later)


def test_other_format_version_is_refused(tmp_path):
    found = checkpoints.save(tmp_path, 1, variables(), {})
    state = json.loads((found / "state.json").read_text())
    (found / "state.json").write_text(json.dumps({**state, "format_version": 0}))
    with pytest.raises(ValueError, match=r"format version 1. Received: format_version=0"):
        checkpoints.restore(found, variables())


def test_prune_keeps_best_and_last_and_clears_partial_ones(tmp_path):
    saved = [checkpoints.save(tmp_path, step, variables(step), {}) for step in (1, 2, 3, 4)]
    checkpoints.mark_best(tmp_path, saved[0], "O-F1", 0.5)
    (tmp_path / "checkpoints" / ".partial-step-00000009").mkdir()
    checkpoints.prune(tmp_path)
    names = sorted(p.name for p in (tmp_path / "checkpoints").iterdir())
    assert names == ["best.json", "step-00000001", "step-00000003", "step-00000004"]
    assert checkpoints.best_or_last(tmp_path) == saved[0]


def test_without_checkpoints_it_says_so(tmp_path):
    with pytest.raises(ValueError, match="`workdir` must hold checkpoints"):
        checkpoints.best_or_last(tmp_path)


def test_full_disk_is_one_line_and_leaves_the_last_one(tmp_path):
    first = checkpoints.save(tmp_path, 1, variables(), {})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="checkpoint of step 2; earlier ones are intact"):
            checkpoints.save(tmp_path, 2, variables(shape=(100, 100)), {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert checkpoints.list_checkpoints(tmp_path) == [first]
    checkpoints.restore(first, variables())


def two_checkpoints(path):
    return [checkpoints.save(path, step, variables(step), {}) for step in (1, 2)]


def flip(path, place=0.5):
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 4
    path.write_bytes(content)


DAMAGES = {
    "state changed": lambda x: flip(x / "state.json"),
    "state missing": lambda x: (x / "state.json").unlink(),
    "state of brackets": lambda x: (x / "state.json").write_text("[" * 100_000),
    "index changed": lambda x: flip(x / "tensors.index"),
    "index missing": lambda x: (x / "tensors.index").unlink(),
    "tensors changed": lambda x: flip(x / "tensors.data-00000-of-00001"),
    "tensors cut": lambda x: (x / "tensors.data-00000-of-00001").write_bytes(b"1"),
    "tensors missing": lambda x: (x / "tensors.data-00000-of-00001").unlink(),
    "tensors of another step": lambda x: [
        (x / p.name).write_bytes(p.read_bytes())
        for p in (x.parent / "step-00000001").glob("tensors*")
    ],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_one_line_and_the_one_before_is_taken(tmp_path, damage, caplog):
    first, last = two_checkpoints(tmp_path)
    DAMAGES[damage](last)
    fresh = variables(7.0)
    with pytest.raises(ValueError, match=r"^`checkpoint` .*step-00000002") as refused:
        checkpoints.restore(last, fresh)
    assert "\n" not in str(refused.value)
    np.testing.assert_array_equal(np.array(fresh["decoder/000/w"]), 7.0)
    assert checkpoints.other_intact(last) == ["step-00000001"]
    with pytest.raises(ValueError, match="Intact ones: step-00000001"):
        workdir.restore_offering_others(last, fresh)
    assert checkpoints.resumable(tmp_path) == first
    (told,) = caplog.messages
    assert (
        "Going on from step-00000001; the damaged one is renamed to damaged-step-00000002." in told
    )
    assert checkpoints.list_checkpoints(tmp_path) == [first]
    assert (first.parent / "damaged-step-00000002").is_dir()


def test_without_a_whole_checkpoint_nothing_begins_anew(tmp_path):
    for path in two_checkpoints(tmp_path):
        flip(path / "state.json")
    with pytest.raises(ValueError, match=r"No intact checkpoint is left: give another folder"):
        checkpoints.resumable(tmp_path)
    assert len(checkpoints.list_checkpoints(tmp_path)) == 2
    assert checkpoints.resumable(tmp_path / "new") is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "brackets are nested"),
        (b"\xff", "not UTF-8"),
        (b"[]", "not a JSON object"),
        (b'{"checkpoint": "step-00000001", "metric": "O-F1"}', "lacks value"),
        (b'{"checkpoint": "step-00000001", "metric": "O-F1", "value": 0.5}', "which has O-F1 0.4"),
    ],
)
def test_a_damaged_best_is_named_with_what_helps(tmp_path, content, message):
    checkpoints.save(tmp_path, 1, variables(), {"metric": ["O-F1", 0.4]})
    (tmp_path / "checkpoints" / "best.json").write_bytes(content)
    with pytest.raises(ValueError, match=rf"best\.json.*{message}.*Delete it"):
        checkpoints.best_or_last(tmp_path)


def test_a_best_that_is_gone_is_told(tmp_path, caplog):
    first, last = two_checkpoints(tmp_path)
    checkpoints.mark_best(tmp_path, first, "O-F1", 0.5)
    shutil.rmtree(first)
    assert checkpoints.best_or_last(tmp_path) == last
    assert caplog.messages == [f"step-00000001, the best, is missing: {last} is used"]
