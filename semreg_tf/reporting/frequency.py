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
        for name, scores in run.tag_systems().items():
            recalls = {row["name"]: row["recall"] for row in class_rows(scores)}
            if recalls and (name == OURS or i == 0):
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
        f"{counts[group[0]]:,}–{counts[group[-1]]:,} times\n{len(group)} {what}" for group in groups
    ]
    series = [
        (system, [_mean(of_system[n] for n in group if n in of_system) for group in groups], i)
        for i, (system, of_system) in enumerate(recalls.items())
    ]
    return bar_chart(f"Mean recall of {what}, from rare to frequent", titles, series)


def class_table(systems: Mapping[str, dict[str, Any]], counts: Mapping[str, int]) -> Element | None:
    """Builds the bars of recall and F1 by class, rare classes first.

    Args:
      systems: two systems' scores of results.json at most, by name.
      counts: class -> how often it occurs in the training split.

    Returns:
      The table, or None where there are no scores by class.
    """
    scores = {name: {row["name"]: row for row in class_rows(s)} for name, s in systems.items()}
    scores = {name: rows for name, rows in scores.items() if rows}
    if not scores:
        return None
    first = next(iter(scores.values()))
    names = sorted(first, key=lambda n: (counts.get(n, first[n]["support"]), n))
    rows = []
    for name in names:
        count = element("span", f" {first[name]['support']}", cls="value")
        rows.append(
            [element("span", name, count), *(_bars(scores, name, m) for m in ("recall", "f1"))]
        )
    key = ", ".join(f"{('upper', 'lower')[i]} bar: {name}" for i, name in enumerate(scores))
    caption = f"By class, rare first, with its images in the split ({key})"
    return table(["class", "recall", "F1"], rows, caption, "classes")


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
