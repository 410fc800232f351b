"""Checkpoints are whole or absent, and say what does not fit."""

import json
import resource

import keras
import numpy as np
import pytest

from semreg_tf.training import checkpoints
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
    with pytest.raises(ValueError, match=r"'decoder/000/w' of another shape: \(2, 3\), \(9, 3\)"):
        checkpoints.restore(found, variables(shape=(9, 3)))


def test_missing_variable_is_named_unless_partial(tmp_path):
    found = checkpoints.save(tmp_path, 1, variables(), {})
    more = {**variables(5.0), "head/000/w": keras.Variable(np.ones(2, "f"))}
    with pytest.raises(ValueError, match="`checkpoint` lacks 'head/000/w'"):
        checkpoints.restore(found, more)
    assert checkpoints.restore(found, more, partial=True) == ["decoder/000/w"]


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
    with pytest.raises(ValueError, match="`checkpoint` lacks 'optimizer/decoder/0000'"):
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
