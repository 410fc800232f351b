"""Options of the evaluation of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from semreg_tf.reranking_config import check_unchanged

NUM_PICTURES = 40


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """Options of tags and captions.

    Attributes:
      split: the split; None: the config's test split.
      overrides: of the decoding, such as "decoding.beam_width=5".
      out: folder of the results; None: the (first) work directory, and for the tags of a run on
        captions and labels `labels/` in it.
      num_pictures: pictures kept for the report from the start of the split; the best and the
        worst by F1 (tags) or CIDEr (captions) join them. With 0, none is kept.
    """

    split: str | None = None
    overrides: tuple[str, ...] | list[str] = ()
    out: str | Path | None = None
    num_pictures: int = NUM_PICTURES


@dataclass(frozen=True, kw_only=True)
class TagOptions(EvaluationOptions):
    """Options of `evaluate_tags`.

    Attributes:
      cnn_path: work directory of the CNN alone (the unary stage); None: the run's own concept
        probabilities are cut.

    Raises:
      ValueError: `overrides` change the reranking, which is of captions.
    """

    cnn_path: str | Path | None = None

    def __post_init__(self) -> None:
        check_unchanged(self.overrides, "an evaluation of tags")


@dataclass(frozen=True, kw_only=True)
class CaptionOptions(EvaluationOptions):
    """Options of `evaluate_captions`.

    Attributes:
      num_results: captions kept of each image; None: the beam width.
      true_concepts: whether the decoder is fed the ground-truth concepts, for an upper bound; needs
        `out`.
      submission_split: the COCO server's name of the split, for the submission's file name; None:
        the split's name; the split must then have references.
      rerank: whether the captions are also reranked by `config.reranking`; the submission then has
        the reranked captions.
      meteor: as for `caption_metrics`.
      tokenizer: as for `caption_metrics`.

    Raises:
      ValueError: `true_concepts` is set without `out`, or `overrides` change the reranking without
        `rerank`.
    """

    num_results: int | None = None
    true_concepts: bool = False
    submission_split: str | None = None
    rerank: bool = False
    meteor: Literal["auto"] | bool = "auto"
    tokenizer: Literal["python", "java"] = "python"

    def __post_init__(self) -> None:
        if self.true_concepts and self.out is None:
            raise ValueError(
                "`out` must be given with `true_concepts`, whose scores are not the model's own. "
                "Received: out=None"
            )
        if not self.rerank:
            check_unchanged(self.overrides, "an evaluation without --rerank")

    @property
    def metric_options(self) -> Mapping[str, Any]:
        """Keyword arguments of `caption_metrics`."""
        return {"meteor": self.meteor, "tokenizer": self.tokenizer}
