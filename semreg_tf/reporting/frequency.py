"""Attention to label imbalance: scores by class, and recall by how frequent a class is."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from semreg_tf.reporting.charts import bar, bar_chart
from semreg_tf.reporting.markup import Element, element, table
from semreg_tf.reporting.run_files import OURS, RunFiles, is_number
from semreg_tf.reporting.words import content_words, stem

MAX_GROUPS = 4
_MIN_CLASSES_IN_GROUP = 3


def tag_recalls(runs: Sequence[RunFiles], labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """Returns the recall of each class with positives, by system.

    Args:
      runs: of one data set and split, whose first one's CNN cuts are taken.
      labels: their names.
    """
    found = {}
    for i, (run, label) in enumerate(zip(runs, labels, strict=True)):
        systems = run.tag_systems()
        chosen = {name: systems[name] for name in (OURS,) if name in systems}
        for name, scores in (chosen | (run.cnn_cuts() if i == 0 else {})).items():
            recalls = {row["name"]: row["recall"] for row in class_rows(scores)}
            if recalls:
                found[label if name == OURS else name] = recalls
    return found


def word_recalls(runs: Sequence[RunFiles], labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """Returns the recall of each concept that is a content word, by run.

    A concept is recalled where its Porter stem is in a picture's references and in its caption.

    Args:
      runs: captioners of one data set and split.
      labels: their names.
    """
    found = {}
    for run, label in zip(runs, labels, strict=True):
        counts: dict[str, list[int]] = {}
        for row in run.predictions:
            said = set(content_words(best_text(row)))
            for word in {w for text in row.get("captions") or () for w in content_words(text)}:
                tally = counts.setdefault(word, [0, 0])
                tally[0] += word in said
                tally[1] += 1
        concepts = {name: stem(name) for name in run.concept_counts if content_words(name)}
        recalls = {n: counts[s][0] / counts[s][1] for n, s in concepts.items() if s in counts}
        if recalls:
            found[label] = recalls
    return found


def best_text(row: Mapping[str, Any]) -> str:
    """Returns the best sequence of a row of predictions, "" where there is none."""
    n_best = row.get("n_best") or []
    return str(n_best[0][0]) if n_best and n_best[0] else ""


def recall_chart(
    recalls: Mapping[str, Mapping[str, float]], counts: Mapping[str, int], what: str
) -> Element | None:
    """Draws the mean recall of classes, in groups from rare to frequent.

    Args:
      recalls: system -> class -> recall.
      counts: class -> how often it occurs.
      what: the classes' kind, for the title.

    Returns:
      A `figure`, or None where classes are too few to group.
    """
    names = sorted(
        {n for of_system in recalls.values() for n in of_system if n in counts},
        key=lambda n: (counts[n], n),
    )
    num_groups = min(MAX_GROUPS, len(names) // _MIN_CLASSES_IN_GROUP)
    if num_groups < 2:
        return None
    edges = [round(i * len(names) / num_groups) for i in range(num_groups + 1)]
    groups = [names[a:b] for a, b in itertools.pairwise(edges)]
    titles = [
        f"{counts[group[0]]:,}–{counts[group[-1]]:,}\ntimes\n{len(group)} {what}"
        for group in groups
    ]
    series = [
        (system, [_mean(of_system[n] for n in group if n in of_system) for group in groups], i)
        for i, (system, of_system) in enumerate(recalls.items())
    ]
    return bar_chart(f"Mean recall of {what}, from rare to frequent", titles, series)


def best_cut(cuts: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Returns which of the CNN's cuts is at its best threshold.

    Args:
      cuts: as `RunFiles.cnn_cuts` gives them.

    Returns:
      Its name; where no threshold was searched, that of the highest O-F1; None without cuts.
    """
    searched = [name for name in cuts if "(best on " in name]
    return max(searched or cuts, key=lambda name: cuts[name].get("O-F1") or 0.0, default=None)


def class_tables(
    systems: Mapping[str, dict[str, Any]], counts: Mapping[str, int], num_first: int
) -> list[tuple[int, Element]]:
    """Builds the bars of recall and F1 by class, rare classes first.

    Args:
      systems: two systems' scores of results.json at most, by name.
      counts: class -> how often it occurs in the training split; empty where that is not known.
      num_first: classes of the first table.

    Returns:
      A table of the rarest classes and one of the others, each with its number of classes; less
      where there are no such classes, or no scores by class.
    """
    scores = {name: {row["name"]: row for row in class_rows(s)} for name, s in systems.items()}
    scores = {name: rows for name, rows in scores.items() if rows}
    first: dict[str, dict[str, Any]] = next(iter(scores.values()), {})
    names = sorted(first, key=lambda n: (counts.get(n, first[n]["support"]), n))
    rows = []
    for name in names:
        told = str(first[name]["support"])
        if name in counts:
            told = f"{counts[name]:,} / {told}"
        count = element("span", f" {told}", cls="value")
        rows.append(
            [element("span", name, count), *(_bars(scores, name, m) for m in ("recall", "f1"))]
        )
    key = ", ".join(f"{('upper', 'lower')[i]} bar: {name}" for i, name in enumerate(scores))
    images = "images in training / in this split" if counts else "images in this split"
    caption = f"By class, rare first, with its {images} ({key})"
    parts = [part for part in (rows[:num_first], rows[num_first:]) if part]
    return [(len(p), table(["class", "recall", "F1"], p, caption, "classes")) for p in parts]


def class_rows(scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the scores of the classes that have positives and a recall."""
    return [
        row
        for row in scores.get("per_class") or []
        if isinstance(row, dict) and row.get("support") and is_number(row.get("recall"))
    ]


def _bars(scores: Mapping[str, Mapping[str, Any]], name: str, metric: str) -> Element:
    lines = []
    for i, rows in enumerate(scores.values()):
        value = rows.get(name, {}).get(metric)
        if is_number(value):
            figure = element("span", f"{value:.2f}", cls="value")
            lines.append(element("div", bar(value, f"fill{i}"), figure, cls="bar"))
    return element("td", lines)


def _mean(values: Any) -> float:
    values = list(values)
    return statistics.mean(values) if values else 0.0
