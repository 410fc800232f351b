"""The records of a study's jobs: scores, curves, times, provenance."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semreg_tf.files.json_files import read_json_object
from semreg_tf.files.system_names import file_name as file_name
from semreg_tf.files.whole_file import write_json
from semreg_tf.metrics.caption_results import last_scores
from semreg_tf.training.history import read_rows

_RESULTS, TRAINED_FILE, _HISTORY = "results.json", "train_results.json", "history.jsonl"
# The small fields of results.json, which a record includes.
_RESULT_FIELDS = (
    "task",
    "split",
    "num_images",
    "captions",
    "systems",
    "intervals",
    "captions_before_reranking",
    "intervals_before_reranking",
    "reranked",
    "concept_mAP",
    "warnings",
    "elapsed_secs",
)


def is_finished(path: str | Path) -> bool:
    """Returns whether a work directory holds a completely trained stage."""
    return (Path(path) / TRAINED_FILE).exists()


def stage_record(path: str | Path) -> dict[str, Any]:
    """Returns the record of a trained stage from its work directory.

    Returns:
      `steps` done, `phases` with their steps and reasons to end, `metric`, `best_value` and
      `best_checkpoint`, `history` with phase, step, seconds, metric and loss of each validation,
      and `device`, which runs of earlier versions lack.
    """
    folder = Path(path)
    trained = _read(folder / TRAINED_FILE, "steps", "best")
    lines = (folder / _HISTORY).read_bytes().splitlines()
    best = trained["best"]
    return {
        "steps": trained["steps"],
        "phases": trained.get("phases", []),
        "metric": best.get("metric"),
        "best_value": best.get("value"),
        "best_checkpoint": best.get("checkpoint"),
        "history": read_rows(folder / _HISTORY, lines),
        **({"device": trained["device"]} if "device" in trained else {}),
    }


def scores_of(path: str | Path) -> dict[str, Any]:
    """Returns the record of an evaluation from `results.json` in a folder."""
    results = _read(Path(path) / _RESULTS)
    record = {name: results[name] for name in _RESULT_FIELDS if name in results}
    if "systems" in record:
        record["systems"] = {
            system: {name: value for name, value in scores.items() if name != "per_class"}
            for system, scores in record["systems"].items()
        }
    return record


def provenance(paths: Sequence[str | Path]) -> dict[str, Any]:
    """Returns the provenance of a run, or of several that form a system.

    Returns:
      `commit`, `versions`, `precision` and vocabulary sizes of the first run; `evaluation_commit`,
      this version's; `cores`; and `parameters`, the total numbers of parameters of encoders, heads
      and decoders.
    """
    # Imported here, because TensorFlow takes seconds to import and reading records needs none.
    from semreg_tf.data.vocabulary import Vocabularies
    from semreg_tf.training import checkpoints
    from semreg_tf.training.checkpoint_files import parameter_counts
    from semreg_tf.training.workdir import CONFIG_FILE, code_commit

    folder = Path(paths[0])
    about = _read(folder / CONFIG_FILE)
    sizes = Counter()
    for path in paths:
        sizes.update(parameter_counts(checkpoints.best_or_last(path)))
    vocabularies = Vocabularies.load(folder)
    return {
        "commit": about.get("commit"),
        "evaluation_commit": code_commit(),
        "versions": about.get("versions"),
        "precision": about["config"].get("precision"),
        "cores": len(os.sched_getaffinity(0)),
        "num_concepts": len(vocabularies.concepts),
        "vocab_size": vocabularies.output.size,
        "parameters": dict(sizes),
    }


def headline(record: dict[str, Any]) -> dict[str, Any]:
    """Returns the main scores of a record."""
    results = record["results"]
    if results["task"] == "captions":
        scores = last_scores(results)
        return {n: scores[n] for n in ("CIDEr", "BLEU-4", "perplexity") if n in scores}
    return {system: scores["O-F1"] for system, scores in results["systems"].items()}


def write(path: str | Path, record: dict[str, Any]) -> None:
    """Writes a record atomically."""
    write_json(path, record)


def read(path: str | Path) -> dict[str, Any]:
    """Reads the record of one job."""
    return _read(Path(path), "commands")


def is_of_this_commit(path: str | Path) -> bool:
    """Returns whether the scores of a record are by this commit, without changes."""
    from semreg_tf.training.workdir import CHANGES, code_commit

    commit = code_commit()
    known = commit is not None and not commit.endswith(CHANGES)
    return known and read(path).get("evaluation_commit") == commit


def read_all(folder: str | Path) -> list[dict[str, Any]]:
    """Reads the records of a study.

    Raises:
      ValueError: the folder holds none.
    """
    records = [_read(path) for path in sorted(Path(folder).glob("*.json"))]
    if not records:
        raise ValueError(
            "`results` must be the folder of a study's records, written by train.run_study. "
            f"Received: results={str(folder)!r}"
        )
    return records


def _read(path: Path, *fields: str) -> dict[str, Any]:
    return read_json_object(path, "results", fields=fields)
