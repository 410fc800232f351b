"""Updates against the formula, where words repeat in a batch too."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.config import StageConfig
from semreg_tf.training.fused_optimizers import FusedAdam, FusedRMSprop, FusedSGD
from semreg_tf.training.gradients import dense, summed_rows
from semreg_tf.training.optimizers import (
    ParameterGroup,
    build_optimizer,
    clip_gradients,
    update_variables,
)


def group(name, values, optimizer=None, weight_decay=0.0):
    variable = keras.Variable(np.asarray(values, "f"))
    optimizer = optimizer or FusedRMSprop(1.0)
    optimizer.build([variable])
    return ParameterGroup(name, [variable], optimizer, weight_decay)


def apply_gradients(groups, gradients, clip_norm=None, encoder_clip_norm=None):
    made = [
        [dense(g, v) for g, v in zip(own, group.variables, strict=True)]
        for own, group in zip(gradients, groups, strict=True)
    ]
    made, logs = clip_gradients(groups, made, clip_norm, encoder_clip_norm)
    update_variables(groups, made)
    return logs


def test_repeated_word_takes_one_step_of_rmsprop():
    """v = 0.1 g^2 with g the sum of the duplicates, so the first step is -rate / sqrt(0.1)."""
    table = group("decoder", [[0.0], [0.0]])
    gradient = tf.IndexedSlices(tf.constant([[1.0], [2.0]]), tf.constant([1, 1]), (2, 1))
    apply_gradients([table], [[gradient]], None, None)
    np.testing.assert_allclose(np.asarray(table.variables[0]), [[0], [-1 / np.sqrt(0.1)]], 1e-5)


@pytest.mark.parametrize(
    ("fused", "plain", "options"),
    [
        (FusedRMSprop, keras.optimizers.RMSprop, {"rho": 0.9, "momentum": 0.0}),
        (FusedRMSprop, keras.optimizers.RMSprop, {"rho": 0.8, "momentum": 0.9}),
        (FusedAdam, keras.optimizers.Adam, {"beta_1": 0.8}),
        (FusedSGD, keras.optimizers.SGD, {"momentum": 0.0}),
        (FusedSGD, keras.optimizers.SGD, {"momentum": 0.9}),
    ],
)
def test_fused_equals_keras(fused, plain, options):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(3, 4)).astype("f")
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 10)
    ours = group("decoder", start, fused(schedule, **options))
    theirs, optimizer = keras.Variable(start), plain(schedule, **options)
    for _ in range(5):
        gradient = tf.constant(rng.normal(size=(3, 4)).astype("f"))
        apply_gradients([ours], [[gradient]])
        optimizer.apply_gradients([(gradient, theirs)])
    np.testing.assert_allclose(np.asarray(ours.variables[0]), np.asarray(theirs), 1e-4, 1e-6)
    assert int(ours.optimizer.iterations) == 5


def test_cnn_is_clipped_apart_from_the_rest():
    sgd = [FusedSGD(1.0) for _ in range(3)]
    groups = [
        group("encoder", [0.0], sgd[0]),
        group("image_head", [0.0], sgd[1]),
        group("decoder", [0.0], sgd[2]),
    ]
    gradients = [[tf.constant([100.0])], [tf.constant([3.0])], [tf.constant([4.0])]]
    logs = apply_gradients(groups, gradients, 1.0, 50.0)
    moved = [float(np.asarray(g.variables[0])[0]) for g in groups]
    np.testing.assert_allclose(moved, [-50.0, -0.6, -0.8], rtol=1e-5)
    assert float(logs["gradient_norm"]) == 5.0
    assert float(logs["encoder_gradient_norm"]) == 100.0
    assert float(logs["clipped"]) == float(logs["encoder_clipped"]) == 1.0


def test_a_threshold_by_length_leaves_long_captions_alone_and_never_the_cnn():
    moved = []
    for length in (1.0, 2.0):
        groups = [group(name, [0.0], FusedSGD(1.0)) for name in ("encoder", "decoder")]
        gradients = [[tf.constant([6.0])], [tf.constant([6.0])]]
        gradients, logs = clip_gradients(groups, gradients, 3.0, 3.0, tf.constant(length))
        update_variables(groups, gradients)
        moved.append([float(np.asarray(g.variables[0])[0]) for g in groups])
        assert float(logs["clipped"]) == (1.0 if length == 1 else 0.0)
    np.testing.assert_allclose(moved, [[-3, -3], [-3, -6]], rtol=1e-6)


def test_without_a_threshold_nothing_is_clipped():
    only = group("decoder", [0.0], FusedSGD(1.0))
    logs = apply_gradients([only], [[tf.constant([300.0])]], None, None)
    assert float(np.asarray(only.variables[0])[0]) == -300.0
    assert "clipped" not in logs


def test_weight_decay_is_of_kernels_alone():
    kernel = group("image_head", [[2.0]], FusedSGD(1.0), weight_decay=0.5)
    bias = group("image_head", [2.0], FusedSGD(1.0), weight_decay=0.5)
    apply_gradients([kernel, bias], [[tf.constant([[0.0]])], [tf.constant([0.0])]], None, None)
    assert float(np.asarray(kernel.variables[0])[0, 0]) == 1.0
    assert float(np.asarray(bias.variables[0])[0]) == 2.0


def test_missing_gradient_is_zero():
    variable = keras.Variable(np.ones((2, 2), "f"))
    np.testing.assert_array_equal(dense(None, variable), np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("name", "kind"), [("rmsprop", FusedRMSprop), ("sgd", FusedSGD), ("adam", FusedAdam)]
)
def test_stage_names_its_optimiser(name, kind):
    made = build_optimizer(StageConfig(optimizer=name, learning_rate=0.5), 0.25, 10)
    assert isinstance(made, kind)
    assert float(made.learning_rate) == 0.25


def test_cosine_falls_to_zero_at_the_last_step():
    made = build_optimizer(StageConfig(schedule="cosine"), 1.0, 10)
    assert float(made._learning_rate(0)) == 1.0
    assert float(made._learning_rate(10)) < 1e-6


def row_gradients(steps, rows=6, width=2):
    """Gradients of a few rows of a table, some of them twice; others wait for several steps."""
    rng = np.random.default_rng(0)
    for step in range(steps):
        ids = rng.integers(0, 2 if step % 4 else rows, 3)
        values = tf.constant(rng.normal(size=(3, width)).astype("f"))
        yield tf.IndexedSlices(values, tf.constant(ids, tf.int32), (rows, width))


def followed(start):
    table = group("decoder", start, FusedRMSprop(0.01))
    table.optimizer.follow_rows(table.variables)
    return table


def slots(table):
    return np.asarray(table.optimizer._velocities[0])


def test_rows_alone_move_as_the_whole_table_does():
    start = np.random.default_rng(1).normal(size=(6, 2)).astype("f")
    rows, whole = followed(start), group("decoder", start, FusedRMSprop(0.01))
    for gradient in row_gradients(30):
        update_variables([rows], [[summed_rows(gradient)]])
        apply_gradients([whole], [[gradient]])
        np.testing.assert_allclose(rows.variables[0], whole.variables[0], 1e-5, 1e-6)
    assert (slots(rows) > 1.5 * slots(whole)).any(), "no row waited: the test means nothing"


def test_a_dense_gradient_after_rows_finds_every_slot_shrunk():
    start = np.random.default_rng(1).normal(size=(6, 2)).astype("f")
    mixed, whole = followed(start), group("decoder", start, FusedRMSprop(0.01))
    for step, gradient in enumerate(row_gradients(24)):
        if step % 6 == 5:
            apply_gradients([mixed], [[gradient]])
        else:
            update_variables([mixed], [[summed_rows(gradient)]])
        apply_gradients([whole], [[gradient]])
        if step % 6 == 5:
            np.testing.assert_allclose(slots(mixed), slots(whole), 1e-5)
    np.testing.assert_allclose(mixed.variables[0], whole.variables[0], 1e-5, 1e-6)


def test_slots_of_a_dense_run_go_on_by_rows():
    start = np.random.default_rng(1).normal(size=(6, 2)).astype("f")
    rows, whole = followed(start), group("decoder", start, FusedRMSprop(0.01))
    gradients = list(row_gradients(20))
    for gradient in gradients[:10]:
        apply_gradients([whole], [[gradient]])
    pairs = zip(rows.optimizer.variables, whole.optimizer.variables, strict=True)
    for own, theirs in [*pairs, (rows.variables[0], whole.variables[0])]:
        own.assign(theirs)
    rows.optimizer.sync_row_steps()
    for gradient in gradients[10:]:
        update_variables([rows], [[summed_rows(gradient)]])
        apply_gradients([whole], [[gradient]])
    np.testing.assert_allclose(rows.variables[0], whole.variables[0], 1e-5, 1e-6)


def test_with_momentum_every_row_moves_so_none_is_followed():
    table = group("decoder", [[0.0]], FusedRMSprop(0.01, momentum=0.9))
    table.optimizer.follow_rows(table.variables)
    assert not table.accepts_rows(table.variables[0])
    assert not table.optimizer.row_steps


def test_rows_are_clipped_by_the_norm_of_their_sums():
    table = group("decoder", [[0.0], [0.0]], FusedRMSprop(1.0))
    slices = tf.IndexedSlices(tf.constant([[1.0], [2.0]]), tf.constant([1, 1]), (2, 1))
    ((found,),), logs = clip_gradients([table], [[summed_rows(slices)]], 1.5, None)
    assert float(logs["gradient_norm"]) == 3.0
    np.testing.assert_allclose(found.values, [[1.5]])
    np.testing.assert_array_equal(found.indices, [1])
