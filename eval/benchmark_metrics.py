"""Times the metrics beside libraries that users would call, on random captions, tags and scores.

python -m eval.benchmark --part=metrics
"""

import contextlib
from collections.abc import Iterator

import numpy as np
from nltk.tokenize import NLTKWordTokenizer
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from eval.interleaved import INSTEAD, LIMIT, Contender, Contest
from eval.synthetic_batches import captions
from semreg_tf.metrics.captions import caption_metrics
from semreg_tf.metrics.multilabel import multilabel_metrics
from semreg_tf.metrics.retrieval import retrieval_metrics

REFERENCES_AN_IMAGE, NUM_CLASSES = 5, 80


def caption_contest(images: int) -> Contest:
    """Returns the contest of BLEU, ROUGE-L and CIDEr, with five references per image."""
    drawn = captions(images * (REFERENCES_AN_IMAGE + 1), np.random.default_rng(0))
    texts = [" ".join(f"w{i}" for i in words) + "." for words in drawn]
    predicted = dict(enumerate(texts[:images]))
    true = {i: texts[images + i :: images] for i in range(images)}

    def plain(_: int) -> None:
        tokenize = NLTKWordTokenizer().tokenize
        tokens = [
            {i: [" ".join(tokenize(text.lower())) for text in group] for i, group in texts.items()}
            for texts in (true, {i: [text] for i, text in predicted.items()})
        ]
        with contextlib.redirect_stdout(None):
            for scorer in (Bleu(4), Rouge(), Cider()):
                scorer.compute_score(*tokens)

    def ours(tokenizer: str) -> None:
        caption_metrics(true, predicted, meteor=False, tokenizer=tokenizer)

    ways = [
        Contender("nltk's tokens, pycocoevalcap", plain, INSTEAD),
        Contender("ours", lambda _: ours("python")),
        Contender("the scorers alone, tokens given", lambda _: ours("blanks"), LIMIT),
    ]
    name = f"BLEU, ROUGE-L, CIDEr; {images:,} images, {REFERENCES_AN_IMAGE} references"
    return Contest(name, "image", images, ways)


def tag_contest(images: int) -> Contest:
    """Returns the contest of precision, recall, F1 and mAP of tags."""
    rng = np.random.default_rng(0)
    targets = rng.random((images, NUM_CLASSES)) < 0.04
    scores = rng.random((images, NUM_CLASSES)) + targets
    predicted = scores > 1.0

    def plain(_: int) -> None:
        from sklearn import metrics

        for average in ("macro", "samples", "micro"):
            metrics.precision_recall_fscore_support(
                targets, predicted, average=average, zero_division=0
            )
        metrics.average_precision_score(targets, scores, average=None)

    ways = [
        Contender("scikit-learn", plain, INSTEAD),
        Contender("ours", lambda _: _done(multilabel_metrics(targets, predicted, scores))),
        Contender("sorting the scores alone", lambda _: _done(np.argsort(scores, axis=0)), LIMIT),
    ]
    return Contest(f"tags; {images:,} images, {NUM_CLASSES} classes", "image", images, ways)


def retrieval_contest(images: int) -> Contest:
    """Returns the contest of R@K and the median rank, with five sentences per image."""
    scores = np.random.default_rng(0).normal(size=(5 * images, images)).astype(np.float32)
    owners, columns = np.repeat(np.arange(images), 5), np.arange(images)

    def plain(_: int) -> None:
        ranks = np.argsort(-scores, axis=1)
        first = [int(np.flatnonzero(r == owner)[0]) for r, owner in zip(ranks, owners, strict=True)]
        _done([np.mean(np.array(first) < k) for k in (1, 5, 10)], np.median(first))

    ways = [
        Contender("argsort, row by row", plain, INSTEAD),
        Contender("ours", lambda _: _done(retrieval_metrics(scores, owners, columns))),
        Contender("comparing the scores alone", lambda _: _done(scores > scores[:, :1]), LIMIT),
    ]
    return Contest(
        f"R@K; {5 * images:,} sentences, {images:,} images", "sentence", 5 * images, ways
    )


def contests(images: int = 1000) -> Iterator[Contest]:
    """Yields the contests of caption, tag and retrieval metrics."""
    yield caption_contest(images)
    yield tag_contest(5 * images)
    yield retrieval_contest(images)


def _done(*_: object) -> None:
    """Discards results."""
