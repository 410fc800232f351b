"""Caption metrics of Tables 3 and 4, by the scorers of the COCO evaluation."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from pycocoevalcap.bleu.bleu_scorer import BleuScorer
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from semreg_tf.metrics.java_scorers import (
    java_is_found,
    meteor_scores,
    require_java,
    tokenize_with_java,
)
from semreg_tf.text.ptb_tokenizer import ptb_tokenize

ImageId = int | str
_BLEU = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4")
_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class CaptionMetrics:
    """Scores of one evaluated split.

    Attributes:
      scores: BLEU-1 to BLEU-4, METEOR (if it was run), ROUGE-L and CIDEr of the corpus. CIDEr is in
        0..10, the others in 0..1.
      per_image: for each of these names, the score of each image. ROUGE-L and CIDEr of the corpus
        are the means of these; BLEU and METEOR are not.
      bleu_statistics: `(images, 10)` float64, the statistics that BLEU sums over images: matches
        and n-grams for n = 1..4 (eight columns), the caption's length and the closest reference's.
      meteor_statistics: `(images, 23)` float64, the statistics that METEOR sums over images, or
        None.
      num_images: number of scored images.
      num_missing: number of images with references but no caption, which are left out.
      num_empty: number of captions without a token, which score 0.
      warnings: sentences for the reader of the scores.
    """

    scores: dict[str, float]
    per_image: dict[str, dict[ImageId, float]]
    bleu_statistics: np.ndarray
    meteor_statistics: np.ndarray | None
    num_images: int
    num_missing: int
    num_empty: int
    warnings: list[str]


def caption_metrics(
    references: Mapping[ImageId, Sequence[str]],
    hypotheses: Mapping[ImageId, str],
    *,
    meteor: Literal["auto"] | bool = "auto",
    tokenizer: Literal["python", "java", "blanks"] = "python",
    allow_missing: bool = False,
) -> CaptionMetrics:
    """Scores one caption per image against its references (Sec. 5.1).

    The scorers are pycocoevalcap's: BLEU with the closest reference length over the corpus;
    ROUGE-L with beta 1.2, from the best precision and the best recall over the references; CIDEr-D
    with document frequencies from the references of the scored images; METEOR 1.5.

    Args:
      references: raw captions of each image, at least one each.
      hypotheses: the raw caption of each image.
      meteor: whether to run METEOR, which needs Java; "auto": if Java is installed.
      tokenizer: "python" needs no Java; "java" is the COCO evaluation's tokeniser; "blanks" splits
        captions that are already tokenised at blanks, and drops punctuation.
      allow_missing: whether images without a caption are counted and left out. By default they are
        refused, since leaving them out can raise the scores (ours).

    Raises:
      TypeError: a caption is not a string.
      ValueError: an image of a caption is unknown, an image has no caption or no reference, there
        is nothing to score, a choice is unknown, or Java is needed and not installed.

    Example:
      >>> references = {1: ["a dog runs", "the dog runs"], 2: ["a red car"]}
      >>> metrics = caption_metrics(references, {1: "A dog runs.", 2: "A car."}, meteor=False)
      >>> round(metrics.scores["ROUGE-L"], 3)
      0.886
    """
    _check_choices(meteor, tokenizer)
    _check_captions(references, hypotheses, allow_missing)
    image_ids = [image_id for image_id in references if image_id in hypotheses]
    true, predicted = _tokenize(image_ids, references, hypotheses, tokenizer)
    is_empty = [not predicted[image_id][0] for image_id in image_ids]
    warnings = _warnings(len(image_ids), len(references) - len(image_ids), sum(is_empty))
    bleu, bleu_per_image, bleu_statistics = _bleu(true, predicted)
    meteor_statistics = None
    scores = dict(zip(_BLEU, bleu, strict=True))
    per_image = dict(zip(_BLEU, bleu_per_image, strict=True))
    if meteor is True or (meteor == "auto" and java_is_found()):
        corpus, values, meteor_statistics = meteor_scores(true, predicted)
        scores["METEOR"], per_image["METEOR"] = corpus, values
    elif meteor == "auto":
        warnings.append("METEOR is left out: it needs Java, which is not on the path")
    for name, scorer in (("ROUGE-L", Rouge()), ("CIDEr", Cider())):
        of_images = np.array(scorer.compute_score(true, predicted)[1], np.float64)
        # The scorers give an empty caption a high score where a reference is empty too.
        of_images[is_empty] = 0.0
        scores[name], per_image[name] = float(of_images.mean()), of_images.tolist()
    return CaptionMetrics(
        scores=scores,
        per_image={
            name: dict(zip(image_ids, values, strict=True)) for name, values in per_image.items()
        },
        bleu_statistics=bleu_statistics,
        meteor_statistics=meteor_statistics,
        num_images=len(image_ids),
        num_missing=len(references) - len(image_ids),
        num_empty=sum(is_empty),
        warnings=warnings,
    )


def _check_choices(meteor: object, tokenizer: object) -> None:
    if meteor not in ("auto", True, False):
        raise ValueError(f"`meteor` must be 'auto', True or False. Received: meteor={meteor!r}")
    if tokenizer not in ("python", "java", "blanks"):
        raise ValueError(
            f"`tokenizer` must be 'python', 'java' or 'blanks'. Received: tokenizer={tokenizer!r}"
        )
    if meteor is True:
        require_java("meteor=True")
    if tokenizer == "java":
        require_java("tokenizer='java'")


def _check_captions(
    references: Mapping[ImageId, Sequence[str]],
    hypotheses: Mapping[ImageId, str],
    allow_missing: bool,
) -> None:
    for image_id, captions in references.items():
        if isinstance(captions, str) or not all(isinstance(text, str) for text in captions):
            raise TypeError(
                "`references` must hold a list of strings for each image. "
                f"Received: references[{image_id!r}]={captions!r}"
            )
        if not captions:
            raise ValueError(
                "`references` must hold at least one caption for each image. "
                f"Received: references[{image_id!r}]={captions!r}"
            )
    for image_id, caption in hypotheses.items():
        if not isinstance(caption, str):
            raise TypeError(
                "`hypotheses` must hold one string for each image. "
                f"Received: hypotheses[{image_id!r}]={caption!r}"
            )
    unknown = [image_id for image_id in hypotheses if image_id not in references]
    if unknown:
        raise ValueError(
            "`hypotheses` must be of images that have references; ids match in type too. "
            f"Received: {len(unknown)} unknown images, {list_some(unknown)}"
        )
    missing = [image_id for image_id in references if image_id not in hypotheses]
    if missing and not allow_missing:
        raise ValueError(
            "`hypotheses` must hold a caption for each image of `references`; pass "
            "`allow_missing=True` to score only the others. "
            f"Received: {len(missing)} images without a caption, {list_some(missing)}"
        )
    if not hypotheses:
        raise ValueError("`hypotheses` must hold at least one caption. Received: hypotheses={}")


def list_some(image_ids: Sequence[ImageId]) -> str:
    """Returns the first few ids of a list, for an error message."""
    shown = ", ".join(repr(image_id) for image_id in image_ids[:_SHOWN])
    return shown + (", ..." if len(image_ids) > _SHOWN else "")


def _warnings(num_images: int, num_missing: int, num_empty: int) -> list[str]:
    warnings = []
    if num_images == 1:
        warnings.append(
            "CIDEr is meaningless on one image: its weights depend on how many images share a "
            "word, so every weight, and the score, is 0"
        )
    if num_missing:
        warnings.append(f"{num_missing} images have no caption and are left out of every score")
    if num_empty:
        warnings.append(f"{num_empty} captions are empty and score 0")
    return warnings


def _tokenize(
    image_ids: Sequence[ImageId],
    references: Mapping[ImageId, Sequence[str]],
    hypotheses: Mapping[ImageId, str],
    tokenizer: str,
) -> tuple[dict[ImageId, list[str]], dict[ImageId, list[str]]]:
    """Returns references and hypotheses in the scorers' format: lists of blank-separated tokens."""
    captions = [text for i in image_ids for text in (hypotheses[i], *references[i])]
    if tokenizer == "java":
        tokens = iter(tokenize_with_java(captions))
    elif tokenizer == "blanks":
        tokens = (" ".join(_words(caption)) for caption in captions)
    else:
        tokens = (" ".join(ptb_tokenize(caption)) for caption in captions)
    true, predicted = {}, {}
    for image_id in image_ids:
        predicted[image_id] = [next(tokens)]
        true[image_id] = [next(tokens) for _ in references[image_id]]
    return true, predicted


def _words(caption: str) -> list[str]:
    """Returns the blank-separated tokens with a letter or a digit, in lower case."""
    return [t for t in caption.lower().split() if any(c.isalnum() for c in t)]


def _bleu(
    true: Mapping[ImageId, list[str]], predicted: Mapping[ImageId, list[str]]
) -> tuple[list[float], list[list[float]], np.ndarray]:
    """Returns BLEU-1..4 of the corpus and of each image, and their statistics `(images, 10)`."""
    scorer = BleuScorer(n=4)
    for image_id, captions in true.items():
        scorer += (predicted[image_id][0], captions)
    corpus, of_images = scorer.compute_score(option="closest")
    statistics = [
        (*test["correct"], *test["guess"], test["testlen"], _closest(test["testlen"], lengths))
        for test, (lengths, _) in zip(scorer.ctest, scorer.crefs, strict=True)
    ]
    return corpus, of_images, np.array(statistics, np.float64)


def _closest(length: int, reference_lengths: Sequence[int]) -> int:
    """Returns the reference length closest to the caption's, of two equally close the shorter."""
    return min(reference_lengths, key=lambda other: (abs(other - length), other))
