"""The plan of an epoch: a permutation, in order from any step, of like lengths where asked."""

import numpy as np
import pytest

from semreg_tf.data.index_plan import IndexPlan, batches_per_epoch

LENGTHS = np.random.default_rng(0).integers(1, 30, 50)


def take(number, *args, **kwargs):
    plan = IndexPlan(*args, **kwargs)
    return [plan.batch(step) for step in range(number)]


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_an_epoch_is_a_permutation_and_the_next_another(lengths):
    plan = take(10, 50, 10, 7, lengths=lengths)
    first, second = (np.concatenate(plan[i : i + 5]) for i in (0, 5))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first.tolist() != second.tolist()
    other = np.concatenate(take(5, 50, 10, 8, lengths=lengths))
    assert other.tolist() != first.tolist()


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_a_step_has_the_same_examples_whatever_was_asked_before(lengths):
    whole, plan = take(20, 50, 10, 7, lengths), IndexPlan(50, 10, 7, lengths)
    for step in (8, 1, 19, 5, 4, 14, 9, 0):
        np.testing.assert_array_equal(plan.batch(step), whole[step])


def test_like_lengths_come_together_but_not_in_order():
    spread = [np.ptp(LENGTHS[rows]) for rows in take(5, 50, 10, 7, lengths=LENGTHS)]
    assert max(spread) < np.ptp(LENGTHS) / 2
    means = [LENGTHS[rows].mean() for rows in take(5, 50, 10, 7, lengths=LENGTHS)]
    assert means != sorted(means)


@pytest.mark.parametrize(("examples", "size", "batches"), [(50, 10, 5), (59, 10, 5), (3, 10, 1)])
def test_batches_are_full_but_where_there_is_less_than_one(examples, size, batches):
    assert batches_per_epoch(examples, size) == batches
    plan = take(2 * batches, examples, size, 0)
    assert {len(rows) for rows in plan} == {min(size, examples)}


def test_rows_of_the_split_stand_in_for_the_examples_numbers():
    rows = np.array([3, 5, 8, 13])
    plain, chosen = take(6, 4, 2, seed=1), take(6, 4, 2, seed=1, rows=rows)
    for indices, of_split in zip(plain, chosen, strict=True):
        np.testing.assert_array_equal(rows[indices], of_split)
