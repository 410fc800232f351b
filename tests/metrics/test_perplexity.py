"""Perplexity against the formula in base 2, and its bounds."""

import math

import numpy as np
import pytest

from semreg_tf.metrics.perplexity import corpus_perplexity


def test_equals_the_formula_in_base_2():
    probabilities = np.random.default_rng(0).uniform(0.01, 1, 50)
    expected = 2 ** (-np.sum(np.log2(probabilities)) / 50)
    assert corpus_perplexity(np.log(probabilities).sum(), 50) == pytest.approx(expected)


def test_a_uniform_guess_over_v_words_has_perplexity_v():
    assert corpus_perplexity(7 * math.log(1 / 12_000), 7) == pytest.approx(12_000)
    assert corpus_perplexity(0.0, 3) == 1.0
    assert corpus_perplexity(-math.inf, 3) == corpus_perplexity(-1e6, 1) == math.inf


@pytest.mark.parametrize(
    ("total", "tokens", "message"),
    [
        (1.0, 2, "`sum_log_probabilities` must be .*sum_log_probabilities=1.0"),
        (math.nan, 2, "`sum_log_probabilities` must be .*sum_log_probabilities=nan"),
        (-1.0, 0, "`num_tokens` must be at least 1. Received: num_tokens=0"),
    ],
)
def test_errors_name_what_came_in(total, tokens, message):
    with pytest.raises(ValueError, match=message):
        corpus_perplexity(total, tokens)
