"""Tables of scores: systems by metrics, the best in bold."""

import collections
from collections.abc import Sequence
from typing import Any

from semreg_tf.reporting.comparison import DASH
from semreg_tf.reporting.markup import Element, element, table
from semreg_tf.reporting.run_files import OURS, RunFiles, is_number
from semreg_tf.reporting.study_tables import mean_and_spread, without_threshold

TAG_COLUMNS = ("C-R", "C-P", "C-F1", "O-R", "O-P", "O-F1", "micro-F1", "mAP")
CAPTION_COLUMNS = (
    ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr"),
    ("perplexity", "perplexity_without_unknown", "unknown_rate", "vocabulary_size", "num_tokens"),
    *(
        tuple(f"{way} {name}" for name in ("R@1", "R@5", "R@10", "median rank", "candidates"))
        for way in ("image retrieval", "sentence retrieval")
    ),
)
_LOW_IS_GOOD = (
    "perplexity",
    "perplexity_without_unknown",
    "image retrieval median rank",
    "sentence retrieval median rank",
)
_NO_CONTEST = (
    "unknown_rate",
    "vocabulary_size",
    "num_tokens",
    "image retrieval candidates",
    "sentence retrieval candidates",
)
_Rows = list[tuple[str, dict[str, float]]]


def tag_table(runs: Sequence[RunFiles], labels: Sequence[str]) -> Element:
    """Builds the table of Sec. 4.2, in percent: each run, and the label sets of the CNN alone."""
    rows: _Rows = []
    cuts: list[tuple[str, str, dict[str, float]]] = []
    for run, label in zip(runs, labels, strict=True):
        for name, scores in run.tag_systems().items():
            if name.startswith(OURS):
                # As "ours, exactly 3".
                rows.append((label + name.removeprefix(OURS), scores))
            elif all(_figures(scores) != _figures(other) for _, _, other in cuts):
                cuts.append((name, label, scores))
    # Thresholds differ by run; without them, cuts of several runs have one name.
    times = collections.Counter(without_threshold(name) for name, _, _ in cuts)
    named = [
        (f"{name}, of {label}" if times[without_threshold(name)] > 1 else name, scores)
        for name, label, scores in cuts
    ]
    caption = "Tags, in percent. C: mean over classes, O: mean over images"
    return _table([*named, *rows], runs, TAG_COLUMNS, caption, 100.0, 2)


def caption_tables(runs: Sequence[RunFiles], labels: Sequence[str]) -> list[Element]:
    """Builds the tables of the COCO metrics, of perplexity and of retrieval that have figures."""
    rows: _Rows = []
    for run, label in zip(runs, labels, strict=True):
        reranked = run.reranked_scores()
        rows.append((f"{label}, before reranking" if reranked else label, run.main_scores()))
        if reranked:
            rows.append((f"{label}, reranked", reranked))
    captions = (
        "Captions, against all references of a picture",
        "Perplexity: comparable only for equal vocabularies",
        "Images ranked for a sentence: share with the correct one among the first K",
        "Sentences ranked for an image: share with a correct one among the first K",
    )
    tables = []
    for columns, caption in zip(CAPTION_COLUMNS, captions, strict=True):
        columns = tuple(c for c in columns if any(c in scores for _, scores in rows))
        # Rows of reranked captions have no perplexity.
        scored = [(label, s) for label, s in rows if any(c in s for c in columns)] or rows
        if columns:
            tables.append(_table(scored, runs, columns, caption, 1.0, 3))
    return tables


def _table(
    rows: _Rows,
    runs: Sequence[RunFiles],
    columns: Sequence[str],
    caption: str,
    factor: float,
    decimals: int,
) -> Element:
    """Builds a table of rows, then of the spread over seeds; the best figures are bold."""
    best = _best(rows, columns, decimals)
    lines: list[list[Any]] = []
    for i, (label, scores) in enumerate(rows):
        text = {c: _text(scores.get(c), factor, decimals) for c in columns}
        cells = (element("b", t) if (i, c) in best else t for c, t in text.items())
        lines.append([label, *cells])
    lines += _spread_rows(runs, columns, factor, decimals)
    header = ["system", *(column.replace("_", " ") for column in columns)]
    return table(header, lines, caption, "figures")


def _figures(scores: dict[str, float]) -> list[float | None]:
    return [scores.get(column) for column in TAG_COLUMNS]


def _text(value: float | None, factor: float, decimals: int) -> str:
    if not is_number(value):
        return DASH
    if isinstance(value, int):
        return f"{value:,}"
    return f"{factor * value:.{decimals if abs(value) < 10 else 2}f}"


def _best(rows: _Rows, columns: Sequence[str], decimals: int) -> set[tuple[int, str]]:
    """Returns row and column of every best figure; figures that print the same tie."""
    cells = set()
    for column in columns:
        values = {i: s[column] for i, (_, s) in enumerate(rows) if is_number(s.get(column))}
        if len(values) < 2 or column in _NO_CONTEST:
            continue
        best = (min if column in _LOW_IS_GOOD else max)(values.values())
        near = 0.5 * 10.0**-decimals / 100
        cells |= {(i, column) for i, value in values.items() if abs(value - best) < near}
    return cells


def _spread_rows(
    runs: Sequence[RunFiles], columns: Sequence[str], factor: float, decimals: int
) -> list[list[str]]:
    """Returns a row of mean and sample deviation for each system with several seeds."""
    groups: dict[tuple[str, str, str], list[tuple[RunFiles, dict[str, Any]]]] = {}
    for run in runs:
        for ending, scores in _systems(run).items():
            groups.setdefault((run.experiment, run.stage, ending), []).append((run, scores))
    rows: list[list[str]] = []
    for (_, _, ending), seeds in groups.items():
        if len({str(run.seed) for run, _ in seeds}) < 2:
            continue
        cells = []
        for column in columns:
            values = [s[column] for _, s in seeds if is_number(s.get(column))]
            if len(values) < 2 or column in _NO_CONTEST:
                cells.append(DASH)
            else:
                cells.append(mean_and_spread(values, factor, decimals))
        # The CNN's label sets are in the results of each stage that it was evaluated with.
        if set(cells) != {DASH} and cells not in [row[1:] for row in rows]:
            label = f"{seeds[0][0].label}{ending}"
            rows.append([f"{label}, mean of {len(seeds)} runs ± deviation", *cells])
    return rows


def _systems(run: RunFiles) -> dict[str, dict[str, Any]]:
    """Returns the scores of a run by what follows its label in the system's name, for all seeds."""
    if run.task == "captions":
        return {"": run.main_scores(), ", reranked": run.reranked_scores()}
    return {
        without_threshold(name).removeprefix(OURS)
        if name.startswith(OURS)
        else f": {without_threshold(name)}": scores
        for name, scores in run.tag_systems().items()
    }
