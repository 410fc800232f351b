"""Comparison of runs with the papers' printed figures."""

import dataclasses
from collections.abc import Sequence

from semreg_tf.experiments import reported
from semreg_tf.reporting.markup import Element, element, table
from semreg_tf.reporting.run_files import OURS, RunFiles, distinct_labels

PRINTED, RUN, DIFFERENCE = "printed", "run", "difference"
DASH = "–"


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a comparison: figures in the units of the printed table, None if missing."""

    kind: str
    label: str
    figures: tuple[float | None, ...]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A printed table with the rows of comparable runs."""

    table: reported.ReportedTable
    rows: tuple[Row, ...]

    @property
    def has_runs(self) -> bool:
        """Whether any run is compared with the printed figures."""
        return any(row.kind == RUN for row in self.rows)


def compare(runs: Sequence[RunFiles], names: Sequence[str] | None = None) -> list[Comparison]:
    """Compares runs with the printed rows that they reproduce.

    A run reproduces the row that its `table_row` names, and any captioner on Flickr8k is compared
    with m-RNN's row. Differences are computed only on the table's data set.

    Args:
      runs: the runs; those without results are left out, see `left_out`.
      names: names of tables, such as "Table 4"; None: all.
    """
    runs = [run for run in runs if run.main_scores()]
    labels = distinct_labels(runs)
    comparisons = []
    for name, printed in reported.TABLES.items():
        if names is not None and name not in names:
            continue
        rows = []
        for system in printed.rows:
            figures = printed.figures(system)
            mark = printed.marks.get(system, "")
            rows.append(Row(PRINTED, system + mark, tuple(figures.values())))
            for run, label in zip(runs, labels, strict=True):
                if _stands_for(run, printed, system):
                    rows.extend(_run_rows(run, label, printed, figures))
        if printed.beside_every_run:
            for run, label in zip(runs, labels, strict=True):
                if run.dataset == printed.dataset:
                    rows.extend(_rows_beside(run, label, printed))
        comparisons.append(Comparison(printed, tuple(rows)))
    return comparisons


def left_out(runs: Sequence[RunFiles], names: Sequence[str] | None = None) -> list[str]:
    """Returns for each run in no table of `compare` a sentence that explains why."""
    sentences = []
    for run in runs:
        tables = [c.table.name for c in compare([run]) if c.has_runs]
        shown = [name for name in tables if names is None or name in names]
        if not run.main_scores():
            reason = "it has no scores yet: evaluate it first"
        elif shown:
            continue
        elif tables:
            reason = f"its row is in {' and '.join(tables)}, not in the selected tables"
        elif run.table_row:
            reason = f"its row, {run.table_row!r}, is not a printed one"
        else:
            reason = (
                "it reproduces no printed row: set one when training with "
                "--config.table_row='Table 1: RIA'"
            )
        sentences.append(f"{run.path} ({run.experiment}) is in no table: {reason}.")
    return sentences


def figures_text(row: Row, printed: reported.ReportedTable, i: int) -> str:
    """Returns the i-th figure of a row as text."""
    figure = row.figures[i]
    if figure is None:
        return DASH
    # Perplexity has two decimals in tables of three; N+ is a count.
    decimals = {"perplexity": 2, "N+": 0}.get(printed.columns[i], printed.decimals)
    text = f"{figure:{'+' if row.kind == DIFFERENCE else ''}.{decimals}f}"
    ranks = printed.ranks.get(row.label) if row.kind == PRINTED else None
    return f"{text} ({ranks[i]})" if ranks else text


def unit_text(printed: reported.ReportedTable) -> str:
    """Returns a sentence on the table's units, data and source."""
    unit = "In percent. " if printed.percent else ""
    note = f" {printed.note}" if printed.note else ""
    note += " In brackets: the place among the submissions of the day." if printed.ranks else ""
    return f"{unit}Printed figures: on {printed.evaluated_on}; {printed.source}.{note}"


def to_markdown(comparisons: Sequence[Comparison]) -> str:
    """Returns comparisons as Markdown tables."""
    parts = []
    for comparison in comparisons:
        printed = comparison.table
        lines = [
            f"## {printed.name}: {printed.title}",
            "",
            "| " + " | ".join(["system", *printed.columns]) + " |",
            "|---|" + "---:|" * len(printed.columns),
        ]
        for row in comparison.rows:
            cells = [figures_text(row, printed, i) for i in range(len(printed.columns))]
            label = row.label.replace("|", "\\|")
            label = label if row.kind == PRINTED else f"*{label}*"
            lines.append("| " + " | ".join([label, *cells]) + " |")
        parts.append("\n".join([*lines, "", unit_text(printed)]))
    return "\n\n".join(parts) + "\n"


def to_element(comparison: Comparison) -> Element:
    """Returns a comparison as an HTML table."""
    printed = comparison.table
    rows = []
    for row in comparison.rows:
        cells = [figures_text(row, printed, i) for i in range(len(printed.columns))]
        rows.append([element("span", row.label, cls=row.kind), *cells])
    return element(
        "div",
        table(["system", *printed.columns], rows, f"{printed.name}: {printed.title}", "figures"),
        element("p", unit_text(printed), cls="note"),
    )


def _stands_for(run: RunFiles, printed: reported.ReportedTable, system: str) -> bool:
    if run.task != printed.task:
        return False
    if printed is reported.TABLES["m-RNN on Flickr8k"]:
        return run.dataset == printed.dataset
    return reported.lookup(run.table_row) == (printed, system)


def _rows_beside(run: RunFiles, label: str, printed: reported.ReportedTable) -> list[Row]:
    """Returns rows of a run's label sets of the table's length, or of the model's choice."""
    if printed.num_labels is None:
        sets = [name for name in run.tag_systems() if name == OURS or " cut at " in name]
    else:
        k = printed.num_labels
        sets = [name for name in run.tag_systems() if name.endswith((f"exactly {k}", f" top {k}"))]
    return [
        Row(
            RUN,
            f"here: {label}, {name}, on {run.dataset} {run.split}",
            _figures_of(run.tag_systems()[name], printed),
        )
        for name in sets
    ]


def _figures_of(
    scores: dict[str, float], printed: reported.ReportedTable
) -> tuple[float | None, ...]:
    """Returns scores in the table's columns and unit; N+ is a count in every table.

    "CIDEr/c5", with five references per image, is a run's "CIDEr".
    """
    figures: list[float | None] = []
    for column in printed.columns:
        value = scores.get(column.removesuffix("/c5"))
        scale = 100.0 if printed.percent and column != "N+" else 1.0
        figures.append(None if value is None else value * scale)
    return tuple(figures)


def _run_rows(
    run: RunFiles, label: str, printed: reported.ReportedTable, figures: dict[str, float]
) -> list[Row]:
    scores = run.main_scores()
    if not run.retrieval.get("whole_split", True):
        # Retrieval among fewer candidates is easier and does not compare with a whole split.
        scores = {name: value for name, value in scores.items() if "retrieval" not in name}
    ours = _figures_of(scores, printed)
    where = f"{run.dataset} {run.split}".strip()
    if run.dataset != printed.dataset:
        return [Row(RUN, f"here: {label}, on {where}: other data, no difference", ours)]
    differences = [
        None if figure is None else figure - figures[column]
        for figure, column in zip(ours, printed.columns, strict=True)
    ]
    same_split = run.split == printed.split
    difference = "difference" if same_split else "difference, on another split"
    return [
        Row(RUN, f"here: {label}, on {where}", ours),
        Row(DIFFERENCE, difference, tuple(differences)),
    ]
