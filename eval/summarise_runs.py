"""Prints one table of several runs: each system's mean over its seeds, and the deviation.

Reads results.json in each work directory.

    python -m eval.summarise_runs runs/*/joint runs/*/unary
"""

import statistics
from pathlib import Path
from typing import Any

from semreg_tf import console
from semreg_tf.cli import program
from semreg_tf.files.json_files import read_json_object
from semreg_tf.metrics.caption_results import decoded_scores, reranked_scores

_TAGS = ("C-F1", "O-F1", "micro-F1", "mAP")
_CAPTIONS = ("BLEU-1", "BLEU-4", "ROUGE-L", "CIDEr", "perplexity")


def read_results(path: str) -> dict[str, Any]:
    """Reads a work directory's results.

    Raises:
      ValueError: the run has not been evaluated.
    """
    file = Path(path) / "results.json"
    if not file.exists():
        raise ValueError(f"`workdir` must be evaluated first. Received: workdir={path!r}")
    return read_json_object(file, "workdir", fields=("experiment", "task"))


def systems_of(results: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Returns the scores of a run by system; names of CNN cuts are without the threshold."""
    name = results["experiment"]
    if results["task"] == "captions":
        reranked = reranked_scores(results)
        decoded = {f"{name}, before reranking" if reranked else name: decoded_scores(results)}
        return decoded | ({f"{name}, reranked": reranked} if reranked else {})
    by_name = {}
    for system, scores in results["systems"].items():
        plain = "CNN cut at best on validation" if "best on validation" in system else system
        by_name[name if system == "ours" else f"{name}: {plain}"] = scores
    return by_name


def cell(values: list[float | None], scale: float) -> str:
    """Returns "mean +- sample deviation", the mean of a single value, or "-" if one is missing."""
    if None in values:
        return "-"
    mean = scale * statistics.fmean(values)
    if len(values) == 1:
        return f"{mean:.2f}"
    return f"{mean:.2f} +- {scale * statistics.stdev(values):.2f}"


def main(argv: list[str]) -> None:
    """Prints a table for tags and one for captions."""
    with console.plain_errors():
        if len(argv) < 2:
            raise ValueError("Give at least one work directory. Received: none")
        results = [read_results(path) for path in argv[1:]]
    for task, columns, scale in (("tags", _TAGS, 100.0), ("captions", _CAPTIONS, 1.0)):
        grouped: dict[str, list[dict[str, float]]] = {}
        for result in (r for r in results if r["task"] == task):
            for system, scores in systems_of(result).items():
                grouped.setdefault(system, []).append(scores)
        rows = [
            [name, str(len(runs)), *(cell([r.get(c) for r in runs], scale) for c in columns)]
            for name, runs in grouped.items()
        ]
        if rows:
            print(console.table(["system", "seeds", *columns], rows))


if __name__ == "__main__":
    program.run(main, arguments="work directories")
