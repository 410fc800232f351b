"""Evaluation of a run's retrieval, which writes `retrieval.json`."""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semreg_tf.data.record_errors import plain_record_errors
from semreg_tf.evaluation.retrieval_evaluator import RetrievalEvaluator
from semreg_tf.evaluation.runs import result_files
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun
from semreg_tf.files.whole_file import write_json

RESULTS_FILE = "retrieval.json"


@plain_record_errors()
def evaluate_retrieval(
    path: str | Path | Sequence[str | Path],
    data_dir: str | Path,
    evaluator: RetrievalEvaluator | None = None,
    split_name: str | None = None,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Scores retrieval in both directions and writes `retrieval.json` and the scores of pairs.

    Args:
      path: work directory of the run; the probabilities of several are averaged at each step.
      data_dir: the folder of prepared data sets.
      evaluator: the evaluator, whose `folder` is replaced by `retrieval/` in `out`; None: one for
        the whole split.
      split_name: the split; None: the config's test split.
      out: folder for the results; None: the (first) work directory.

    Returns:
      The contents of `retrieval.json`: under "retrieval" the figures of each direction, under
      "chance" those of random scores.

    Raises:
      ValueError: a folder, split or number is invalid.
    """
    started = time.perf_counter()
    run = EvaluatedRun(path, data_dir)
    run.check_task("captions")
    split = run.split(split_name or run.config.data.test_split)
    evaluator = evaluator or RetrievalEvaluator()
    # Errors are raised before anything is written.
    evaluator.choose(run, split)
    folder = result_files.open_folder(run, out)
    evaluator = dataclasses.replace(evaluator, folder=folder / "retrieval")
    scores = evaluator.run(run, split).scores
    results = {
        **result_files.about(run, split),
        **scores.pop("pairs"),
        **scores,
        "elapsed_secs": round(time.perf_counter() - started, 1),
    }
    write_json(folder / RESULTS_FILE, results)
    return results
