"""Evaluation of trained runs on a prepared split, for captions and tags."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from semreg_tf.evaluation.runs.evaluate_run import evaluate_captions, evaluate_tags
from semreg_tf.evaluation.runs.options import CaptionOptions, EvaluationOptions, TagOptions
from semreg_tf.training import workdir as workdirs

_EVALUATIONS: dict[str, tuple[Callable[..., dict[str, Any]], type[EvaluationOptions]]] = {
    "captions": (evaluate_captions, CaptionOptions),
    "tags": (evaluate_tags, TagOptions),
}


def evaluate(
    workdir: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    data_dir: str | os.PathLike[str],
    split: str | None = None,
    task: Literal["captions", "tags"] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Scores a run by its task's metrics (Sec. 4.2, 5.1) and writes `results.json`.

    Args:
      workdir: work directory of the run; several are an ensemble.
      data_dir: the folder of prepared data sets.
      split: the split's name; None: the config's test split.
      task: "tags" judges the labels of a run on captions and labels; None: the run's own task.
      **options: fields of `semreg_tf.evaluation.runs.options.TagOptions` or `CaptionOptions`:
        `overrides` of the decoding, `out`, `num_pictures`; for tags `cnn_path`; for captions
        `meteor`, `rerank`, `true_concepts`, `submission_split`.

    Returns:
      The contents of `results.json`: scores, and 95 % intervals under `intervals`.

    Raises:
      ValueError: a folder, split or option is invalid.

    Example:
      >>> evaluate("runs/ours/joint", "data")["systems"]["ours"]["O-F1"]
    """
    paths = [workdir] if isinstance(workdir, str | os.PathLike) else list(workdir)
    if not paths:
        raise ValueError("`workdir` must be given at least once. Received: workdir=[]")
    if task not in (None, *_EVALUATIONS):
        raise ValueError(
            f"`task` must be one of {', '.join(_EVALUATIONS)}, or None. Received: task={task!r}"
        )
    config, _, _ = workdirs.load_run(Path(paths[0]))
    evaluation, options_class = _EVALUATIONS[task or config.data.task]
    return evaluation(paths, data_dir, options_class(split=split, **options))
