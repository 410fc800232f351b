"""What an evaluation prints: its figures, their intervals, and the paper's row beside them."""

from collections.abc import Sequence
from typing import Any

from semreg_tf.experiments import reported
from semreg_tf.metrics.caption_results import (
    decoded_intervals,
    decoded_scores,
    reranked_scores,
)
from semreg_tf.reporting.comparison import DASH
from semreg_tf.reporting.score_tables import TAG_COLUMNS

Table = tuple[list[str], list[list[str]]]
_INTERVAL = "  95 % interval"


def tag_table(results: dict[str, Any]) -> Table:
    """Lays out the scores of tags in percent: a system, below it its interval, the paper's last.

    Args:
      results: of `results.json`.

    Returns:
      The header and the rows.
    """
    rows = []
    for name, scores in results["systems"].items():
        rows.append([name, *(_percent(scores.get(c)) for c in TAG_COLUMNS)])
        own = results.get("intervals", {}).get(name)
        if own:
            rows.append([_INTERVAL, *(_interval(own.get(c), 100, 1) for c in TAG_COLUMNS)])
    found = reported.lookup(results.get("table_row"))
    if found is not None:
        table, system = found
        figures = table.figures(system)
        printed = (f"{figures[c]:.2f}" if c in figures else DASH for c in TAG_COLUMNS)
        rows.append([_paper(table, system), *printed])
    return ["system", *TAG_COLUMNS], rows


def caption_table(results: dict[str, Any]) -> Table:
    """Lays out the scores of captions, a metric a row: as decoded, reranked, the paper's.

    Args:
      results: of `results.json`.

    Returns:
      The header and the rows.
    """
    header, figures = ["metric", "value", "95 % interval"], {}
    intervals, reranked = decoded_intervals(results), reranked_scores(results)
    if reranked:
        header = ["metric", "before reranking", "95 % interval", "reranked", "95 % interval"]
    found = reported.lookup(results.get("table_row"))
    if found is not None:
        table, system = found
        figures = table.figures(system)
        header.append(_paper(table, system))
    rows = []
    for name, value in decoded_scores(results).items():
        row = [name, _figure(value), _interval(intervals.get(name), 1, 4)]
        if reranked:
            row.append(_figure(reranked.get(name)))
            row.append(_interval(results["reranked"].get("intervals", {}).get(name), 1, 4))
        if found is not None:
            # As in the table: perplexities, alone, have two decimals.
            decimals = 2 if name == "perplexity" else table.decimals
            figure = figures.get(name, figures.get(f"{name}/c5"))
            row.append(DASH if figure is None else f"{figure:.{decimals}f}")
        rows.append(row)
    return header, rows


def notes(results: dict[str, Any]) -> list[str]:
    """Returns what a reader of the figures should know, a line each."""
    lines = list(results.get("warnings", ()))
    found = reported.lookup(results.get("table_row"))
    if found is not None:
        table, _ = found
        here = f"{results.get('dataset')} {results['split']}, {results['num_images']:,} images"
        same = (results.get("dataset"), results["split"]) == (table.dataset, table.split)
        apart = "" if same else ": other data, so the two do not compare"
        lines.append(f"the paper's figures are on {table.evaluated_on}, these on {here}{apart}")
        if table.note:
            lines.append(table.note)
    return lines


def _paper(table: reported.ReportedTable, system: str) -> str:
    return f"paper, {table.name}: {system}{table.marks.get(system, '')}"


def _figure(value: float | None) -> str:
    if value is None:
        return DASH
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def _percent(value: float | None) -> str:
    return DASH if value is None else f"{100 * value:.2f}"


def _interval(ends: Sequence[float] | None, factor: int, decimals: int) -> str:
    if not ends:
        return DASH
    low, high = (f"{factor * end:.{decimals}f}" for end in ends)
    return f"{low}-{high}"


def gradient_table(results: dict[str, Any]) -> Table:
    """Lays out what each loss asks of a parameter group.

    Args:
      results: as `training.gradient_flow.measure_gradients` returns them.

    Returns:
      The header and the rows.
    """
    rows = [
        [
            name,
            f"{own['unary_norm']:.4g}",
            f"{own['relational_norm']:.4g}",
            DASH if own["cosine"] is None else f"{own['cosine']:.3f}",
        ]
        for name, own in results["groups"].items()
    ]
    return ["gradients of", "norm of Lu's", "norm of Lr's", "cosine"], rows
