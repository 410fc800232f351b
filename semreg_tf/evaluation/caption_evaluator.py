"""Captions judged by the COCO evaluation's metrics (Sec. 5.1)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from semreg_tf.data.input_pipeline import Split
from semreg_tf.evaluation import scoring
from semreg_tf.evaluation.evaluated_model import EvaluatedModel
from semreg_tf.evaluation.evaluator import Evaluation, as_lists
from semreg_tf.evaluation.prediction_rows import prediction_rows
from semreg_tf.evaluation.predictions import Predictions
from semreg_tf.metrics.bootstrap import caption_intervals

NO_REFERENCES = "The split has no references: there is nothing to score against"


@dataclass(frozen=True)
class CaptionEvaluator:
    """Judges the best caption of each image against its references.

    Attributes:
      num_results: captions of each image in the rows.
      needs_references: whether a split without references is refused; if not, its images get
        captions and no scores.
      metric_options: passed to `caption_metrics`.
    """

    num_results: int = 1
    needs_references: bool = True
    metric_options: Mapping[str, Any] = field(default_factory=dict)

    def run(self, model: EvaluatedModel, split: Split) -> Evaluation:
        """Searches captions and scores them; see `Evaluator.run`."""
        return self.judge(model, split, model.predict(split, self.num_results))

    def judge(self, model: EvaluatedModel, split: Split, predictions: Predictions) -> Evaluation:
        """Scores captions that a search has already returned."""

        def rows(per_image: Mapping[str, Mapping[Any, float]]) -> Iterator[dict[str, Any]]:
            for row in prediction_rows(model, split, predictions):
                image_id = row["image_id"]
                # Images without references have no scores.
                scores = {n: by_id[image_id] for n, by_id in per_image.items() if image_id in by_id}
                yield {**row, "scores": scores}

        num_unreferenced = sum(not annotation.captions for annotation in split.annotations)
        if num_unreferenced == split.num_images and not self.needs_references:
            return Evaluation({}, lambda: rows({}), warnings=[NO_REFERENCES])
        metrics = scoring.caption_scores(predictions, split, **self.metric_options)
        warnings = list(metrics.warnings)
        if num_unreferenced:
            warnings.append(
                f"{num_unreferenced} images have no reference and are left out of every score"
            )
        return Evaluation(
            {"captions": metrics.scores},
            lambda: rows(metrics.per_image),
            lambda: {"captions": as_lists(caption_intervals(metrics))},
            warnings,
        )
