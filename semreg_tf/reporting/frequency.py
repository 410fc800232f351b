"""Scores by class, and recall of rare and frequent classes."""

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
    """Returns the recall of each class with positives, by run and cut of the first run's CNN."""
    by_system = {}
    for i, (run, label) in enumerate(zip(runs, labels, strict=True)):
        systems = run.tag_systems()
        chosen = {name: systems[name] for name in (OURS,) if name in systems}
        for name, scores in (chosen | (run.cnn_cuts() if i == 0 else {})).items():
            recalls = {row["name"]: row["recall"] for row in class_rows(scores)}
            if recalls:
                by_system[label if name == OURS else name] = recalls
    return by_system


def word_recalls(runs: Sequence[RunFiles], labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """Returns the recall of each concept that is a content word, by run.

    A concept is recalled if its Porter stem is in a picture's references and in its caption.
    """
    by_run = {}
    for run, label in zip(runs, labels, strict=True):
        counts: dict[str, list[int]] = {}
        for row in run.predictions:
            predicted = set(content_words(best_text(row)))
            for word in {w for text in row.get("captions") or () for w in content_words(text)}:
                tally = counts.setdefault(word, [0, 0])
                tally[0] += word in predicted
                tally[1] += 1
        concepts = {name: stem(name) for name in run.concept_counts if content_words(name)}
        recalls = {n: counts[s][0] / counts[s][1] for n, s in concepts.items() if s in counts}
        if recalls:
            by_run[label] = recalls
    return by_run


def best_text(row: Mapping[str, Any]) -> str:
    """Returns the text of the best sequence in a row of predictions, or ""."""
    n_best = row.get("n_best") or []
    return str(n_best[0][0]) if n_best and n_best[0] else ""


def recall_chart(
    recalls: Mapping[str, Mapping[str, float]], counts: Mapping[str, int], what: str
) -> Element | None:
    """Draws the mean recall of classes, in groups from rare to frequent, by system.

    Returns None if there are too few classes; `what` names them in the title.
    """
    names = sorted(
        {n for of_system in recalls.values() for n in of_system if n in counts},
        key=lambda n: (counts[n], n),
    )
    num_groups = min(MAX_GROUPS, len(names) // _MIN_CLASSES_IN_GROUP)
    if num_groups < 2:
        return None
    # Classes of one count are in one group.
    edges = [0, *(i for i in range(1, len(names)) if counts[names[i - 1]] != counts[names[i]])]
    edges.append(len(names))
    wanted = [i * len(names) / num_groups for i in range(num_groups + 1)]
    chosen = sorted({min(edges, key=lambda edge: abs(edge - place)) for place in wanted})
    if len(chosen) < 3:
        return None
    groups = [names[a:b] for a, b in itertools.pairwise(chosen)]
    titles = [
        f"{_span(counts[group[0]], counts[group[-1]])}\n{len(group)} {what}" for group in groups
    ]
    series = [
        (system, [_mean(of_system[n] for n in group if n in of_system) for group in groups], i)
        for i, (system, of_system) in enumerate(recalls.items())
    ]
    return bar_chart(f"Mean recall of {what}, from rare to frequent", titles, series)


def _span(low: int, high: int) -> str:
    """Returns "2–9 times" on two lines, or a number alone."""
    number = f"{low:,}" if low == high else f"{low:,}–{high:,}"
    return f"{number}\n{'time' if high == 1 else 'times'}"


def best_cut(cuts: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Returns the name of the CNN's cut at its best threshold, or None without cuts.

    If no threshold was searched, it is the cut of the highest O-F1.
    """
    searched = [name for name in cuts if "(best on " in name]
    return max(searched or cuts, key=lambda name: cuts[name].get("O-F1") or 0.0, default=None)


def class_tables(
    systems: Mapping[str, dict[str, Any]], counts: Mapping[str, int], num_first: int
) -> list[tuple[int, Element]]:
    """Builds tables with bars of recall and F1 by class, rare classes first.

    Args:
      systems: scores in results.json of at most two systems, by name.
      counts: occurrences of each class in the training split; empty if unknown.
      num_first: number of classes in the first table.

    Returns:
      (number of classes, table) of the rarest classes and of the others, where there are any.
    """
    scores = {name: {row["name"]: row for row in class_rows(s)} for name, s in systems.items()}
    scores = {name: rows for name, rows in scores.items() if rows}
    first: dict[str, dict[str, Any]] = next(iter(scores.values()), {})
    names = sorted(first, key=lambda n: (counts.get(n, first[n]["support"]), n))
    rows = []
    for name in names:
        num_images = str(first[name]["support"])
        if name in counts:
            num_images = f"{counts[name]:,} / {num_images}"
        count = element("span", f" {num_images}", cls="value")
        rows.append(
            [element("span", name, count), *(_bars(scores, name, m) for m in ("recall", "f1"))]
        )
    key = ", ".join(f"{('upper', 'lower')[i]} bar: {name}" for i, name in enumerate(scores))
    images = "images in training / in this split" if counts else "images in this split"
    caption = f"By class, rare first, with the number of {images} ({key})"
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
