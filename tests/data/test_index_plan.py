"""The plan of an epoch: a permutation, in order from any step, of like lengths where asked."""

import itertools

import numpy as np
import pytest

from semreg_tf.data.index_plan import batches_per_epoch, index_plan

LENGTHS = np.random.default_rng(0).integers(1, 30, 50)


def take(number, *args, **kwargs):
    return list(itertools.islice(index_plan(*args, **kwargs), number))


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_an_epoch_is_a_permutation_and_the_next_another(lengths):
    plan = take(10, 50, 10, 7, lengths=lengths)
    assert [step for step, _ in plan] == list(range(10))
    first, second = (np.concatenate([rows for _, rows in plan[i : i + 5]]) for i in (0, 5))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first.tolist() != second.tolist()
    other = np.concatenate([rows for _, rows in take(5, 50, 10, 8, lengths=lengths)])
    assert other.tolist() != first.tolist()


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("start", [1, 5, 8])
def test_a_plan_from_any_step_goes_on_as_the_plan_from_zero(lengths, start):
    whole, rest = (take(12 - s, 50, 10, 7, s, lengths) for s in (0, start))
    for (step, rows), (own_step, own) in zip(whole[start:], rest, strict=True):
        assert step == own_step
        np.testing.assert_array_equal(rows, own)


def test_like_lengths_come_together_but_not_in_order():
    spread = [np.ptp(LENGTHS[rows]) for _, rows in take(5, 50, 10, 7, lengths=LENGTHS)]
    assert max(spread) < np.ptp(LENGTHS) / 2
    means = [LENGTHS[rows].mean() for _, rows in take(5, 50, 10, 7, lengths=LENGTHS)]
    assert means != sorted(means)


@pytest.mark.parametrize(("examples", "size", "batches"), [(50, 10, 5), (59, 10, 5), (3, 10, 1)])
def test_batches_are_full_but_where_there_is_less_than_one(examples, size, batches):
    assert batches_per_epoch(examples, size) == batches
    plan = take(2 * batches, examples, size, 0)
    assert {len(rows) for _, rows in plan} == {min(size, examples)}


def test_rows_of_the_split_stand_in_for_the_examples_numbers():
    rows = np.array([3, 5, 8, 13])
    plain = itertools.islice(index_plan(4, 2, seed=1), 6)
    mapped = itertools.islice(index_plan(4, 2, seed=1, rows=rows), 6)
    for (step, indices), (same, chosen) in zip(plain, mapped, strict=True):
        assert step == same
        np.testing.assert_array_equal(rows[indices], chosen)
