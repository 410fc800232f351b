"""The papers' printed figures: Tables 1 to 4, m-RNN's, those of image annotation, with sources.

They are in `reported_tables.json`. `lookup(Config.table_row)` returns the row that an experiment
reproduces.
"""

import dataclasses
import json
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class ReportedTable:
    """One printed table.

    Attributes:
      name: its name in `Config.table_row`, such as "Table 1".
      title: title of the table.
      source: the paper.
      dataset: `DataConfig.dataset` of comparable runs.
      split: the split of that data set with the images of the figures.
      task: "tags" or "captions".
      evaluated_on: description of the images of the figures.
      percent: whether figures are in percent; if not, they are in the metric's unit.
      decimals: decimals of the printed figures.
      columns: metrics, under the names of `results.json`.
      rows: figures by system, in the order of `columns`.
      marks: marks printed beside systems, by system.
      ranks: ranks among the submissions at that time by system, in the order of `columns`.
      note: a note for the reader of the figures.
      num_labels: number of labels predicted for every image; None: the model's choice.
      beside_every_run: whether every run on the table's data set is compared with it; if not, only
        runs whose `Config.table_row` names one of its rows.
    """

    name: str
    title: str
    source: str
    dataset: str
    split: str
    task: str
    evaluated_on: str
    percent: bool
    decimals: int
    columns: tuple[str, ...]
    rows: dict[str, tuple[float, ...]]
    marks: dict[str, str] = dataclasses.field(default_factory=dict)
    ranks: dict[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    note: str = ""
    num_labels: int | None = None
    beside_every_run: bool = False

    def figures(self, system: str) -> dict[str, float]:
        """Returns a row's figures by metric.

        Raises:
          ValueError: the table has no such row; the error lists its rows.
        """
        if system not in self.rows:
            raise ValueError(
                f"`system` must be a row of {self.name}: {', '.join(self.rows)}. "
                f"Received: system={system!r}"
            )
        return dict(zip(self.columns, self.rows[system], strict=True))


def _read_tables() -> dict[str, ReportedTable]:
    content = json.loads((Path(__file__).parent / "reported_tables.json").read_bytes())
    tables = {}
    for fields in content["tables"]:
        rows = {system: tuple(figures) for system, figures in fields.pop("rows").items()}
        ranks = {system: tuple(places) for system, places in fields.pop("ranks", {}).items()}
        columns, source = tuple(fields.pop("columns")), content["sources"][fields.pop("source")]
        tables[fields["name"]] = ReportedTable(
            **fields, source=source, columns=columns, rows=rows, ranks=ranks
        )
    return tables


TABLES = _read_tables()


def lookup(table_row: str | None) -> tuple[ReportedTable, str] | None:
    """Returns the table and the name of the row that an experiment reproduces.

    Args:
      table_row: `Config.table_row`: a table, a colon and a row; text after a comma names an
        interpretation of the row.

    Returns:
      The table and the name of its row, or None if no paper prints figures for it.

    Example:
      >>> table, system = lookup("Table 4: NIC-F, Fig. 1(a)")
      >>> table.name, system, table.figures(system)["CIDEr"]
      ('Table 4', 'NIC-F', 0.932)
    """
    name, _, row = (table_row or "").partition(": ")
    row = row.partition(", ")[0]
    table = TABLES.get(name)
    if table is None or row not in table.rows:
        return None
    return table, row
