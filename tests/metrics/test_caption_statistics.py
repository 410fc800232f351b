"""Corpus BLEU and METEOR from sums against what the scorers themselves gave."""

import numpy as np
import pytest

from semreg_tf.metrics.caption_statistics import bleu_from_statistics, meteor_from_statistics
from semreg_tf.metrics.captions import caption_metrics

# What METEOR 1.5 reported for five captions, and its scores of each and of all.
METEOR_STATISTICS = [
    [6, 7, 2, 3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 5, 5],
    [6, 6, 2, 2, 4, 4, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 6],
    [6, 6, 3, 3, 1, 1, 2, 2, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 3, 4, 4],
    [3, 4, 0, 1, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 3, 4],
    [0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
]
METEOR_SCORES = [0.3841977145704504, 1.0, 0.26735428748755297, 0.8438948995363215, 0.0]
METEOR_OF_ALL = 0.40900032926851254


def test_meteor_of_each_and_of_all_is_what_the_java_program_gave():
    statistics = np.array(METEOR_STATISTICS, np.float64)
    assert meteor_from_statistics(statistics) == pytest.approx(METEOR_SCORES, abs=1e-12)
    assert meteor_from_statistics(statistics.sum(0)) == pytest.approx(METEOR_OF_ALL, abs=1e-12)
    assert abs(np.mean(METEOR_SCORES) - METEOR_OF_ALL) > 0.05


def test_bleu_of_each_and_of_all_is_pycocoevalcaps():
    references = {1: ["a dog runs in the park", "the dog runs"], 2: ["a red car"], 3: ["a cat"]}
    hypotheses = {1: "a dog runs in a park", 2: "a car that is red", 3: ""}
    metrics = caption_metrics(references, hypotheses, meteor=False)
    of_images = bleu_from_statistics(metrics.bleu_statistics)
    of_all = bleu_from_statistics(metrics.bleu_statistics.sum(0))
    for n in range(4):
        expected = list(metrics.per_image[f"BLEU-{n + 1}"].values())
        assert of_images[:, n] == pytest.approx(expected, abs=1e-12)
        assert of_all[n] == pytest.approx(metrics.scores[f"BLEU-{n + 1}"], abs=1e-12)
