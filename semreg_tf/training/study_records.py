"""The small record that each job of a study leaves: scores, curves, times, where it came from."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semreg_tf.files.json_files import read_json_object
from semreg_tf.files.whole_file import write_json
from semreg_tf.metrics.caption_results import last_scores
from semreg_tf.training.history import read_rows

_RESULTS, _TRAINED, _HISTORY = "results.json", "train_results.json", "history.jsonl"
# Of results.json, what is small and says how the system did.
_KEPT = (
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


def file_name(system: str) -> str:
    """Returns a system's name as a file's: "captions, NIC-F" -> "captions_nic-f"."""
    return re.sub(r"[^a-z0-9.-]+", "_", system.lower()).strip("_")


def is_finished(path: str | Path) -> bool:
    """Returns whether a stage was trained to its end in this work directory."""
    return (Path(path) / _TRAINED).exists()


def stage_record(path: str | Path) -> dict[str, Any]:
    """Returns what is kept of a trained stage.

    Args:
      path: its work directory.

    Returns:
      `steps` that it took, `phases` with what each took and what ended it, `metric` and
      `best_value` of its validations, `history`, one entry a validation with phase, step,
      seconds, metric and loss, and `device`, which runs of earlier versions do not tell.
    """
    folder = Path(path)
    trained = _read(folder / _TRAINED, "steps", "best")
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
    """Returns what is kept of an evaluation's `results.json` in a folder."""
    results = _read(Path(path) / _RESULTS)
    kept = {name: results[name] for name in _KEPT if name in results}
    if "systems" in kept:
        kept["systems"] = {
            system: {name: value for name, value in scores.items() if name != "per_class"}
            for system, scores in kept["systems"].items()
        }
    return kept


def provenance(paths: Sequence[str | Path]) -> dict[str, Any]:
    """Returns what is behind a run, or several together.

    Returns:
      `commit`, `versions` and the vocabulary's sizes, of the first; `cores`; `parameters` of
      encoder, head and decoder, of all together.
    """
    # TensorFlow takes seconds to import; reading the records should not.
    from semreg_tf.data.vocabulary import Vocabularies
    from semreg_tf.training import checkpoints
    from semreg_tf.training.checkpoint_files import parameter_counts
    from semreg_tf.training.workdir import CONFIG_FILE

    folder = Path(paths[0])
    about = _read(folder / CONFIG_FILE)
    sizes = Counter()
    for path in paths:
        sizes.update(parameter_counts(checkpoints.best_or_last(path)))
    vocabularies = Vocabularies.load(folder)
    return {
        "commit": about.get("commit"),
        "versions": about.get("versions"),
        "precision": about["config"].get("precision"),
        "cores": len(os.sched_getaffinity(0)),
        "num_concepts": len(vocabularies.concepts),
        "vocab_size": vocabularies.output.size,
        "parameters": dict(sizes),
    }


def headline(record: dict[str, Any]) -> dict[str, Any]:
    """Returns the few figures of a record that a person wants to see at once."""
    results = record["results"]
    if results["task"] == "captions":
        wanted = ("CIDEr", "BLEU-4", "perplexity")
        scores = last_scores(results)
        return {n: scores[n] for n in wanted if n in scores}
    return {system: scores["O-F1"] for system, scores in results["systems"].items()}


def write(path: str | Path, record: dict[str, Any]) -> None:
    """Writes a record atomically."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_json(target, record)


def read_all(folder: str | Path) -> list[dict[str, Any]]:
    """Reads the records of a study.

    Raises:
      ValueError: the folder holds none.
    """
    found = [_read(path) for path in sorted(Path(folder).glob("*.json"))]
    if not found:
        raise ValueError(
            "`results` must be the folder of a study's records, made by train.run_study. "
            f"Received: results={str(folder)!r}"
        )
    return found


def _read(path: Path, *fields: str) -> dict[str, Any]:
    return read_json_object(path, "results", fields=fields)
