"""BLEU and METEOR of a corpus from sums over images, for resamples and reranking."""

import numpy as np

from semreg_tf.metrics.label_counts import ratio

# pycocoevalcap's constants, which avoid a division by zero without matches.
_TINY, _SMALL = 1e-15, 1e-9

# METEOR 1.5 for English: stages exact, stem, synonym, paraphrase.
_STAGE_WEIGHTS = np.array([1.0, 0.6, 0.8, 0.6])
_ALPHA, _BETA, _GAMMA, _DELTA = 0.85, 0.2, 0.6, 0.75


def bleu_from_statistics(sums: np.ndarray) -> np.ndarray:
    """Computes BLEU-1 to BLEU-4 as pycocoevalcap does.

    Args:
      sums: `(..., 10)`, sums of `CaptionMetrics.bleu_statistics` over images.

    Returns:
      `(..., 4)` float64.
    """
    matches, totals = sums[..., :4], sums[..., 4:8]
    precisions = (matches + _TINY) / (totals + _SMALL)
    bleu = np.cumprod(precisions, -1) ** (1 / np.arange(1, 5))
    length_ratio = (sums[..., 8] + _TINY) / (sums[..., 9] + _SMALL)
    penalty = np.exp(np.minimum(0.0, 1 - 1 / length_ratio))
    return bleu * penalty[..., None]


def meteor_from_statistics(sums: np.ndarray) -> np.ndarray:
    """Computes METEOR 1.5 for English (Denkowski and Lavie, 2014) from its Java program's output.

    Args:
      sums: `(..., 23)`, sums of `CaptionMetrics.meteor_statistics` over images: words of caption
        and reference, function words of both, then for each stage the matched content words of
        both and function words of both, then chunks and all matched words of both.

    Returns:
      `(...)` float64.
    """
    lengths, function_words = sums[..., :2], sums[..., 2:4]
    stages = sums[..., 4:20].reshape(*sums.shape[:-1], 4, 2, 2)
    content, function = np.moveaxis(stages, -2, 0)
    matched = _DELTA * content + (1 - _DELTA) * function
    weighted = np.einsum("s,...sb->...b", _STAGE_WEIGHTS, matched)
    total = _DELTA * (lengths - function_words) + (1 - _DELTA) * function_words
    precision, recall = np.moveaxis(ratio(weighted, total), -1, 0)
    mean = ratio(precision * recall, _ALPHA * precision + (1 - _ALPHA) * recall)
    fragmentation = ratio(sums[..., 20], sums[..., 21:23].mean(-1))
    return mean * (1 - _GAMMA * fragmentation**_BETA)
