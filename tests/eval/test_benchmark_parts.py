"""The benchmarks of training, retrieval and metrics at toy size: every way runs."""

import numpy as np
import pytest

from eval import (
    benchmark_metrics,
    benchmark_retrieval,
    benchmark_train,
    interleaved,
    synthetic_batches,
)
from eval.interleaved import INSTEAD, LIMIT, OURS


def test_captions_have_cocos_lengths():
    words = synthetic_batches.captions(1000, np.random.default_rng(0))
    lengths = [len(w) for w in words]
    assert min(lengths) >= 5 and 10 < sum(lengths) / 1000 < 11


def test_metrics_are_timed_beside_the_libraries():
    rows = interleaved.run_all(benchmark_metrics.contests(20), 1, str)
    assert [row["role"] for row in rows] == [INSTEAD, OURS, LIMIT] * 3


@pytest.mark.large
def test_sentences_have_the_same_scores_either_way():
    rows = interleaved.run_all(benchmark_retrieval.contests(20), 1, str)
    assert [row["role"] for row in rows] == [INSTEAD, OURS, LIMIT]


@pytest.mark.large
def test_steps_are_timed_beside_plain_keras():
    relational = interleaved.run(benchmark_train.relational(None, steps=1), 1, str)
    joint = interleaved.run(benchmark_train.joint("small_cnn", images=2, steps=1), 1, str)
    assert [row["role"] for row in relational] == [INSTEAD, OURS, OURS, LIMIT]
    assert [row["role"] for row in joint] == [INSTEAD, OURS, LIMIT]
