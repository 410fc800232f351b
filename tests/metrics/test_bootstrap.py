"""Bootstrap intervals against resampling the images one by one and scoring them again."""

import dataclasses

import numpy as np
import pytest

from semreg_tf.metrics.bootstrap import caption_intervals, multilabel_intervals
from semreg_tf.metrics.caption_statistics import meteor_from_statistics
from semreg_tf.metrics.captions import caption_metrics
from semreg_tf.metrics.multilabel import multilabel_metrics

WORDS = ("dog", "cat", "man", "runs", "sits", "in", "the", "a", "park", "red")


def random_labels(num_images=60, num_classes=6, seed=0):
    rng = np.random.default_rng(seed)
    # The last class is rare, so that some resamples have no positive of it.
    rates = np.append(np.full(num_classes - 1, 0.3), 0.02)
    targets = rng.random((num_images, num_classes)) < rates
    targets[0, -1], targets[1] = True, False
    return targets, np.where(rng.random(targets.shape) < 0.8, targets, ~targets)


def random_captions(num_images=40, seed=0):
    rng = np.random.default_rng(seed)

    def caption():
        return " ".join(rng.choice(WORDS, rng.integers(4, 9)))

    references = {i: [caption() for _ in range(rng.integers(1, 4))] for i in range(num_images)}
    return references, {i: " ".join([*references[i][0].split()[:4], "a"]) for i in references}


def draws(num_images, num_resamples):
    rng = np.random.default_rng(0)
    return [rng.integers(num_images, size=num_images) for _ in range(num_resamples)]


def test_tag_intervals_equal_scoring_each_resample():
    targets, predictions = random_labels()
    intervals = multilabel_intervals(targets, predictions, num_resamples=120)
    again = [
        multilabel_metrics(targets[drawn], predictions[drawn]).as_dict()
        for drawn in draws(len(targets), 120)
    ]
    assert any(values["classes_without_positives"] for values in again)
    whole = multilabel_metrics(targets, predictions).as_dict()
    names = [f"{kind}-{name}" for kind in ("C", "O", "micro") for name in ("P", "R", "F1")]
    assert list(intervals) == names
    for name, (value, low, high) in intervals.items():
        expected = np.quantile([values[name] for values in again], (0.025, 0.975))
        assert value == pytest.approx(whole[name])
        assert (low, high) == pytest.approx(tuple(expected))
        assert low < value < high


def test_caption_intervals_equal_scoring_each_resample():
    references, hypotheses = random_captions()
    metrics = caption_metrics(references, hypotheses, meteor=False)
    intervals = caption_intervals(metrics, num_resamples=15)
    again = {name: [] for name in metrics.scores}
    for drawn in draws(len(references), 15):
        resampled = caption_metrics(
            {place: references[i] for place, i in enumerate(drawn)},
            {place: hypotheses[i] for place, i in enumerate(drawn)},
            meteor=False,
        )
        for name, value in resampled.scores.items():
            again[name].append(value)
        # The document frequencies stay those of all images.
        again["CIDEr"][-1] = np.mean([metrics.per_image["CIDEr"][i] for i in drawn])
    assert list(intervals) == list(metrics.scores)
    for name, (value, low, high) in intervals.items():
        assert value == pytest.approx(metrics.scores[name])
        assert (low, high) == pytest.approx(tuple(np.quantile(again[name], (0.025, 0.975)))), name


def test_meteor_is_of_the_summed_statistics():
    metrics = caption_metrics(*random_captions(num_images=30), meteor=False)
    statistics = np.random.default_rng(0).integers(1, 5, (30, 23)).astype(np.float64)
    statistics[:, :2] += 20
    corpus = float(meteor_from_statistics(statistics.sum(0)))
    scores = {"METEOR": corpus, **metrics.scores}
    metrics = dataclasses.replace(metrics, scores=scores, meteor_statistics=statistics)
    interval = caption_intervals(metrics, num_resamples=50)["METEOR"]
    again = [meteor_from_statistics(statistics[drawn].sum(0)) for drawn in draws(30, 50)]
    assert interval.value == pytest.approx(corpus)
    assert interval[1:] == pytest.approx(tuple(np.quantile(again, (0.025, 0.975))))


def test_width_is_that_of_the_normal_approximation():
    metrics = caption_metrics(*random_captions(num_images=200), meteor=False)
    rouge = np.array(list(metrics.per_image["ROUGE-L"].values()))
    _, low, high = caption_intervals(metrics, num_resamples=2000)["ROUGE-L"]
    assert high - low == pytest.approx(2 * 1.96 * rouge.std() / np.sqrt(200), rel=0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_resamples": 1}, "`num_resamples` must be at least 2. Received: num_resamples=1"),
        ({"predictions": [[1]]}, "`predictions` must have the shape of `targets`"),
        ({"targets": [[3, 0]]}, "`targets` must hold only 0 and 1"),
    ],
)
def test_errors_name_what_came_in(changes, message):
    arguments = {"targets": [[1, 0]], "predictions": [[1, 0]]} | changes
    with pytest.raises(ValueError, match=message):
        multilabel_intervals(**arguments)
