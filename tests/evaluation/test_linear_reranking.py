"""Linear reranking: its figures by hand, its line search against a dense grid, its promises."""

import numpy as np
import pytest

from semreg_tf.evaluation.linear_reranking import QUANTITIES, fit, order, quantities, upper_envelope


def test_quantities_of_hypotheses():
    hypotheses = [["a", "dog", "runs", "dog"], ["two", "dogs"], []]
    ids = {"dog": 0, "dogs": 0, "runs": 1, "a": 2}
    probabilities = np.array([0.9, 0.3, 0.5, 0.99], "f")
    found = quantities(hypotheses, [-5.0, -6.0, -1.0], ids, probabilities, 0.5)
    # Concepts once each: dog and "a" are detected, "runs" is said but not detected.
    want = [[-5, -1, 4, 2, 1.7], [-6, -2, 2, 1, 0.9], [-1, -1, 0, 0, 0]]
    np.testing.assert_allclose(found, want, rtol=1e-6)
    assert found.shape[1] == len(QUANTITIES)


def test_order_keeps_ties_as_the_search_had_them():
    figures = np.array([[1.0, 0], [3, 0], [1, 5], [3, 7]])
    assert order(figures, np.array([1.0, 0])) == [1, 3, 0, 2]


def test_envelope_is_the_highest_line_everywhere():
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 10):
        offsets, slopes = rng.normal(size=n), rng.integers(-2, 3, n).astype(float)
        points, chosen = upper_envelope(offsets, slopes)
        assert len(chosen) == len(points) + 1 and points == sorted(points)
        for t in rng.uniform(-9, 9, 60):
            own = chosen[np.searchsorted(points, t)]
            assert offsets[own] + t * slopes[own] == pytest.approx((offsets + t * slopes).max())


def mean_first(sums):
    return sums[..., 0] / sums[..., 1]


def drawn(seed, images=40, most=6):
    """Figures of which the metric is a noisy combination, so that weights are to be found."""
    rng = np.random.default_rng(seed)
    figures, statistics = [], []
    for _ in range(images):
        own = rng.normal(size=(rng.integers(1, most + 1), 5)) * [9.0, 1, 3, 2, 0.5]
        gain = own @ [0.02, 0.3, -0.1, 0.2, 1.0] + rng.normal(scale=0.1, size=len(own))
        figures.append(own)
        statistics.append(np.column_stack([gain, np.ones(len(own))]))
    return figures, statistics


def reached(figures, statistics, weights):
    chosen = [s[order(f, weights)[0]] for f, s in zip(figures, statistics, strict=True)]
    return mean_first(np.sum(chosen, axis=0))


def test_fit_tells_the_metric_that_its_weights_reach():
    figures, statistics = drawn(1)
    fitted = fit(figures, statistics, mean_first)
    assert fitted.value == pytest.approx(reached(figures, statistics, fitted.weights))
    assert np.abs(fitted.weights).max() == pytest.approx(1.0)
    # Nearly the best of every image, and far above the likelihood's own order.
    best = np.mean([s[:, 0].max() for s in statistics])
    alone = reached(figures, statistics, np.eye(5)[0])
    assert fitted.value > alone + 0.8 * (best - alone)
    again = fit(figures, statistics, mean_first)
    np.testing.assert_array_equal(fitted.weights, again.weights)


def test_fit_is_never_below_the_likelihood_and_no_line_through_it_is_better():
    figures, statistics = drawn(2, images=8)
    fitted = fit(figures, statistics, mean_first)
    assert fitted.value >= reached(figures, statistics, np.eye(5)[0])
    for direction in np.eye(5):
        for t in np.linspace(-3, 3, 241):
            value = reached(figures, statistics, fitted.weights + t * direction)
            assert value <= fitted.value + 1e-9


def test_one_hypothesis_an_image_leaves_nothing_to_choose():
    figures = [np.ones((1, 5)), np.zeros((1, 5))]
    statistics = [np.array([[2.0, 1]]), np.array([[4.0, 1]])]
    assert fit(figures, statistics, mean_first).value == 3.0


def test_images_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"`figures` and `statistics` must be of the same images"):
        fit([np.ones((2, 5))], [np.ones((3, 2))], mean_first)
    with pytest.raises(ValueError, match=r"at least one. Received: 0 and 0 images"):
        fit([], [], mean_first)
