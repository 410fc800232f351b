"""The result files of a work directory, read without model code."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeGuard

from semreg_tf.files import digests
from semreg_tf.files.json_files import object_in, parse_json
from semreg_tf.files.result_origin import other_run, other_weights
from semreg_tf.metrics.caption_results import decoded_scores, reranked_scores

CONFIG_FILE = "config.json"
OURS = "ours"
# Directions of retrieval: the names in retrieval.json and in the tables.
_RETRIEVED = {
    "image by sentence": "image retrieval",
    "sentence by image": "sentence retrieval",
}
_RETRIEVAL_FIGURES = {
    "R@1": "R@1",
    "R@5": "R@5",
    "R@10": "R@10",
    "median_rank": "median rank",
    "num_candidates": "candidates",
}


@dataclasses.dataclass(frozen=True)
class RunFiles:
    """The files of one run.

    Attributes:
      path: the work directory.
      about: contents of config.json: the config, the stage, the commit, the versions.
      results: contents of results.json, or {}.
      predictions: the rows of predictions.jsonl.
      history: the rows of history.jsonl.
      concept_counts: occurrences of each concept in the training split.
      notes: sentences on damaged or edited files.
      retrieval: contents of retrieval.json, or {}.
    """

    path: Path
    about: dict[str, Any]
    results: dict[str, Any]
    predictions: tuple[dict[str, Any], ...]
    history: tuple[dict[str, Any], ...]
    concept_counts: dict[str, int]
    notes: tuple[str, ...]
    retrieval: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def config(self) -> dict[str, Any]:
        """The config as plain values."""
        return self.about["config"]

    @property
    def experiment(self) -> str:
        """The experiment's name."""
        return str(self.config.get("name") or "unnamed")

    @property
    def folder(self) -> str:
        """The names of the work directory and two above it, as system/seed0/joint in a study."""
        return "/".join(self.path.absolute().parts[1:][-3:])

    @property
    def family(self) -> str:
        """The prefix of the experiment's name, shared by the experiments of a data set and task."""
        return self.experiment.rpartition("/")[0] or self.dataset

    @property
    def table_row(self) -> str:
        """The row of the paper's table that the run reproduces."""
        return str(self.config.get("table_row") or "")

    @property
    def stage(self) -> str:
        """The stage of training."""
        return str(self.about.get("stage") or "unknown")

    @property
    def seed(self) -> Any:
        """The seed of the run."""
        return self.config.get("seed")

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return str(object_in(self.config, "data").get("dataset") or "unknown data")

    @property
    def task(self) -> str:
        """The task, "tags" or "captions"."""
        return str(self.results.get("task") or object_in(self.config, "data").get("task") or "")

    @property
    def split(self) -> str:
        """The split that was evaluated, or ""."""
        return str(self.results.get("split") or "")

    @property
    def has_decoder(self) -> bool:
        """Whether the run has a trained decoder; the unary stage trains none."""
        return self.stage != "unary" and self.config.get("decoder", {}) is not None

    @property
    def label(self) -> str:
        """A short name: the row of the paper's table, or the system's name."""
        _, colon, row = self.table_row.partition(": ")
        return row if colon else self.experiment.rpartition("/")[2]

    def tag_systems(self) -> dict[str, dict[str, Any]]:
        """Returns the scores of results.json by system, without those of an untrained decoder."""
        systems = object_in(self.results, "systems")
        return {
            name: scores
            for name, scores in systems.items()
            if isinstance(scores, dict) and (name != OURS or self.has_decoder)
        }

    def cnn_cuts(self) -> dict[str, dict[str, Any]]:
        """Returns the scores of the CNN's label sets, by name of the cut."""
        return {n: scores for n, scores in self.tag_systems().items() if n.startswith("CNN")}

    def main_scores(self) -> dict[str, float]:
        """Returns the scores of the run's sequences, or without a decoder of its top labels."""
        if self.task == "captions":
            scores = {**decoded_scores(self.results), **self._retrieval_scores()}
        else:
            systems = self.tag_systems()
            scores = systems.get(OURS) or next(iter(systems.values()), {})
        return {k: v for k, v in scores.items() if is_number(v)}

    def _retrieval_scores(self) -> dict[str, Any]:
        """Returns the retrieval figures if they are on the split of the other results."""
        if not self.retrieval or self.retrieval.get("split") != self.results.get("split"):
            return {}
        return {
            f"{shown} {name}": object_in(object_in(self.retrieval, "retrieval"), key).get(figure)
            for key, shown in _RETRIEVED.items()
            for figure, name in _RETRIEVAL_FIGURES.items()
        }

    def reranked_scores(self) -> dict[str, float]:
        """Returns the scores of the reranked captions, or {}."""
        return {k: v for k, v in reranked_scores(self.results).items() if is_number(v)}


def short_commit(commit: Any) -> str:
    """Returns the start of a commit's hash, with `+changes` if the code differed from it."""
    start, plus, changes = str(commit or "unknown").partition("+")
    return f"{start[:10]}{plus}{changes}"


def is_number(value: Any) -> TypeGuard[float]:
    """Returns whether a JSON value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def read_run(path: str | Path) -> RunFiles:
    """Reads a work directory, of whose files only config.json must exist.

    Returns:
      The files' contents; `notes` names files that cannot be read.

    Raises:
      ValueError: the folder is not a work directory, or its lists of names were changed.
    """
    folder = Path(path)
    notes: list[str] = []
    about = _read_json(folder / CONFIG_FILE, notes)
    if not isinstance(about.get("config"), dict):
        missing = not (folder / CONFIG_FILE).exists()
        reason = f"{CONFIG_FILE} is missing." if missing else f"{CONFIG_FILE} holds no config."
        reason = notes[0] if notes else reason
        raise ValueError(
            f"`workdir` must be the folder of a run, with a {CONFIG_FILE}: {reason} "
            f"Received: workdir={str(path)!r}"
        )
    # The charts join predictions and counts by the names in these files.
    file_digests = about.get(digests.FILE_DIGESTS) or {}
    digests.check_files(folder, file_digests, "workdir", "Put the earlier file back.")
    if not digests.is_unchanged(about):
        notes.append(f"{CONFIG_FILE} was edited or damaged after the run began.")
    results = _read_json(folder / "results.json", notes)
    is_other = bool(other_run(results, about))
    rows = [] if is_other else _read_rows(folder / "predictions.jsonl", notes)
    return RunFiles(
        path=folder,
        about=about,
        results=_of_run(results, "results.json", about, folder, notes),
        predictions=tuple(row for row in rows if row.get("image_id") is not None),
        history=tuple(
            row for row in _read_rows(folder / "history.jsonl", notes) if is_number(row.get("step"))
        ),
        concept_counts=_read_counts(folder / "concepts.txt", notes),
        retrieval=_of_run(
            _read_json(folder / "retrieval.json", notes), "retrieval.json", about, folder, notes
        ),
        notes=tuple(notes),
    )


def read_runs(paths: Sequence[str | Path]) -> list[RunFiles]:
    """Reads work directories.

    Raises:
      ValueError: `paths` is empty, or a folder is not a work directory.
    """
    if not paths:
        raise ValueError("`workdir` must be given at least once. Received: workdir=[]")
    return [read_run(path) for path in paths]


def distinct_labels(runs: Sequence[RunFiles]) -> list[str]:
    """Returns a short name for each run, distinct within each family."""
    labels = [""] * len(runs)
    for family in {run.family for run in runs}:
        indices = [i for i, run in enumerate(runs) if run.family == family]
        for i, label in zip(indices, _labels([runs[i] for i in indices]), strict=True):
            labels[i] = label
    return labels


def _labels(runs: Sequence[RunFiles]) -> list[str]:
    parts = [lambda run: run.stage, lambda run: f"seed {run.seed}", lambda run: run.path.name]
    labels = [run.label for run in runs]
    for part in parts:
        # Only add a part in which the runs of one label differ.
        for label in {name for name in labels if labels.count(name) > 1}:
            same = [i for i, name in enumerate(labels) if name == label]
            if len({part(runs[i]) for i in same}) > 1:
                for i in same:
                    labels[i] = f"{label}, {part(runs[i])}"
    return [
        label if labels.count(label) == 1 else f"{label} ({labels[: i + 1].count(label)})"
        for i, label in enumerate(labels)
    ]


def _read_json(path: Path, notes: list[str]) -> dict[str, Any]:
    text = _read_text(path, notes)
    if text is None:
        return {}
    try:
        values = parse_json(text)
    except ValueError as error:
        notes.append(f"{path.name} cannot be read: {error}.")
        return {}
    if not isinstance(values, dict):
        notes.append(f"{path.name} cannot be read: it must hold one JSON object.")
        return {}
    return values


def _of_run(
    results: dict[str, Any], name: str, about: dict[str, Any], folder: Path, notes: list[str]
) -> dict[str, Any]:
    """Returns the contents of a file of scores, or {} if they are of another run.

    Notes tell of that, and of scores that other weights would get now.
    """
    different = other_run(results, about)
    if different:
        notes.append(f"{name} is {different}, and is left out.")
        return {}
    different = other_weights(results, about, folder)
    if different:
        notes.append(f"{name} is {different}.")
    return results


def _read_rows(path: Path, notes: list[str]) -> list[dict[str, Any]]:
    rows, broken = [], 0
    for line in (_read_text(path, notes) or "").split("\n"):
        try:
            row = parse_json(line) if line.strip() else None
        except ValueError:
            row = ()
        if isinstance(row, dict):
            rows.append(row)
        elif row is not None:
            broken += 1
    if broken:
        notes.append(f"{path.name}: {broken} lines cannot be read and are left out.")
    return rows


def _read_text(path: Path, notes: list[str]) -> str | None:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except FileNotFoundError:
        return None  # A run that has not been evaluated lacks most files.
    except OSError as error:
        notes.append(f"{path.name} cannot be read: {error.strerror}.")
    return None


def _read_counts(path: Path, notes: list[str]) -> dict[str, int]:
    counts = {}
    for line in (_read_text(path, notes) or "").split("\n"):
        name, tab, count = line.rpartition("\t")
        if tab and count.isdecimal():
            counts[name] = int(count)
    return counts
