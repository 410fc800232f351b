"""The figures the papers print: Tables 1 to 4, m-RNN's, those of image annotation, with sources.

They stand in `reported_tables.json`, once. `lookup(Config.table_row)` finds the row an experiment
stands for.
"""

import dataclasses
import json
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class ReportedTable:
    """One printed table.

    Attributes:
      name: how `Config.table_row` calls it, such as "Table 1".
      title: what it shows.
      source: the paper.
      dataset: `DataConfig.dataset` of the runs that may be held against it.
      split: the split of those runs that has the images behind the figures.
      task: "tags" or "captions".
      evaluated_on: the images behind the figures.
      percent: whether figures are percent; otherwise as the metric gives them.
      decimals: of the printed figures.
      columns: metrics, under the names of `results.json`.
      rows: system -> figures, in the order of `columns`.
      marks: system -> a mark printed beside it.
      ranks: system -> places among the submissions of the day, in the order of `columns`.
      note: what a reader of the figures should know.
      num_labels: exactly so many labels were given to every image; None: as many as the model
        gives.
      beside_every_run: whether every run on the table's data set is compared with it; otherwise
        those whose `Config.table_row` names one of its rows.
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
          ValueError: the table has no such row; its rows are listed.
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
    """Returns the table and the row's name that an experiment stands for.

    Args:
      table_row: `Config.table_row`: a table, a colon, a row; what follows a comma names a reading
        of the row.

    Returns:
      The table and the name of its row, or None where the papers print no figures.

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
