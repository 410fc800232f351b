"""The tables that evaluations print: scores, their intervals, and the paper's row."""

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
    """Lays out tag scores in percent: each system with its interval, then the paper's row."""
    rows = []
    for name, scores in results["systems"].items():
        rows.append([name, *(_percent(scores.get(c)) for c in TAG_COLUMNS)])
        intervals = results.get("intervals", {}).get(name)
        if intervals:
            rows.append([_INTERVAL, *(_interval(intervals.get(c), 100, 1) for c in TAG_COLUMNS)])
    paper_row = reported.lookup(results.get("table_row"))
    if paper_row is not None:
        table, system = paper_row
        figures = table.figures(system)
        printed = (f"{figures[c]:.2f}" if c in figures else DASH for c in TAG_COLUMNS)
        rows.append([_paper(table, system), *printed])
    return ["system", *TAG_COLUMNS], rows


def caption_table(results: dict[str, Any]) -> Table:
    """Lays out caption scores, one metric per row: of the search, reranked, and the paper's."""
    header, figures = ["metric", "value", "95 % interval"], {}
    intervals, reranked = decoded_intervals(results), reranked_scores(results)
    if reranked:
        header = ["metric", "before reranking", "95 % interval", "reranked", "95 % interval"]
    paper_row = reported.lookup(results.get("table_row"))
    if paper_row is not None:
        table, system = paper_row
        figures = table.figures(system)
        header.append(_paper(table, system))
    rows = []
    for name, value in decoded_scores(results).items():
        row = [name, _figure(value), _interval(intervals.get(name), 1, 4)]
        if reranked:
            row.append(_figure(reranked.get(name)))
            row.append(_interval(results["reranked"].get("intervals", {}).get(name), 1, 4))
        if paper_row is not None:
            # Perplexity has two decimals, as in the paper's table.
            decimals = 2 if name == "perplexity" else table.decimals
            figure = figures.get(name, figures.get(f"{name}/c5"))
            row.append(DASH if figure is None else f"{figure:.{decimals}f}")
        rows.append(row)
    return header, rows


def notes(results: dict[str, Any]) -> list[str]:
    """Returns notes for the reader of the scores, one line each."""
    lines = list(results.get("warnings", ()))
    paper_row = reported.lookup(results.get("table_row"))
    if paper_row is not None:
        table, _ = paper_row
        images = f"{results.get('dataset')} {results['split']}, {results['num_images']:,} images"
        same = (results.get("dataset"), results["split"]) == (table.dataset, table.split)
        caveat = "" if same else ": other data, so the two do not compare"
        lines.append(f"the paper's figures are on {table.evaluated_on}, these on {images}{caveat}")
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
    """Lays out what `training.gradient_flow.measure_gradients` returns, by parameter group."""
    rows = [
        [
            name,
            f"{group['unary_norm']:.4g}",
            f"{group['relational_norm']:.4g}",
            DASH if group["cosine"] is None else f"{group['cosine']:.3f}",
        ]
        for name, group in results["groups"].items()
    ]
    return ["gradients of", "norm of Lu's", "norm of Lr's", "cosine"], rows
