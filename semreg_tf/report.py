"""A self-contained HTML report on one or several runs, in the style of the paper's supplement.

The report is built from result files (config.json, results.json, predictions.jsonl, history.jsonl,
concepts.txt and the small pictures), and the page loads nothing from the network.
"""

from collections.abc import Sequence
from pathlib import Path

from semreg_tf.experiments.reported import TABLES
from semreg_tf.files.whole_file import write_whole
from semreg_tf.reporting import sections
from semreg_tf.reporting.comparison import compare, left_out, to_element, to_markdown
from semreg_tf.reporting.markup import Element, element
from semreg_tf.reporting.page import page
from semreg_tf.reporting.run_files import RunFiles, read_run, read_runs


def build_report(workdirs: Sequence[str | Path], num_pictures: int = 24) -> str:
    """Builds the report.

    Args:
      workdirs: work directories of runs. The scores of the first run on a split decide which
        pictures are its best and worst. Runs without results add their training curves only.
      num_pictures: number of pictures shown for each split beside its best and worst.

    Returns:
      The HTML page.

    Raises:
      ValueError: there is no folder, or a folder is not a work directory.

    Example:
      >>> page = build_report(["runs/tags_unary", "runs/tags_joint", "runs/captions_joint"])
    """
    runs = read_runs(workdirs)
    parts: list[tuple[str, list[Element]]] = []
    for i, (title, group) in enumerate(_by_split(runs).items()):
        parts.append((title, sections.split_section(group, f"split-{i}", num_pictures)))
    parts += [
        ("Beside the printed figures", sections.comparison_section(runs)),
        ("Training curves", sections.curves_section(runs)),
        ("Runs", sections.runs_section(runs)),
        ("How to read this", sections.caveats_section({run.task for run in runs})),
    ]
    return page("Image annotation report", [part for part in parts if part[1]])


def write_report(workdirs: Sequence[str | Path], out: str | Path, num_pictures: int = 24) -> Path:
    """Writes the report of `build_report` to a file, atomically, and returns its path.

    Raises:
      ValueError: there is no folder, or a folder is not a work directory.
      OSError: the file cannot be written.
    """
    return write_text(build_report(workdirs, num_pictures), out)


def paper_comparison(
    workdirs: Sequence[str | Path] = (),
    tables: Sequence[str] | None = None,
    form: str = "markdown",
) -> str:
    """Returns the papers' tables with rows of runs, and the differences for runs on the same data.

    Args:
      workdirs: work directories of evaluated runs; empty: only the printed figures.
      tables: names of tables, such as "Table 4"; None: all.
      form: "markdown", or "html" for a whole page.

    Returns:
      The tables, and a sentence on each run that is in none of them.

    Raises:
      ValueError: there is no such table or form, or a folder is not a work directory.
    """
    unknown = [name for name in tables or () if name not in TABLES]
    if unknown:
        raise ValueError(
            f"`tables` must be among {', '.join(TABLES)}. Received: tables={unknown!r}"
        )
    if form not in ("markdown", "html"):
        raise ValueError(f"`form` must be 'markdown' or 'html'. Received: form={form!r}")
    runs = [read_run(path) for path in workdirs]
    comparisons, missing = compare(runs, tables), left_out(runs, tables)
    if form == "markdown":
        return to_markdown(comparisons) + "".join(f"\n{sentence}\n" for sentence in missing)
    parts = []
    if missing:
        heading = element("h2", "Runs in no table", id="left-out")
        sentences = [element("p", sentence) for sentence in missing]
        parts.append(("Runs in no table", [heading, *sentences]))
    for i, comparison in enumerate(comparisons):
        heading = element("h2", comparison.table.name, id=f"table-{i}")
        parts.append((comparison.table.name, [heading, to_element(comparison)]))
    return page("The printed tables, and runs beside them", parts)


def write_text(text: str, out: str | Path) -> Path:
    """Writes a page to a file, atomically; missing parent folders are created.

    Raises:
      ValueError: `out` is a folder.
      OSError: the file cannot be written.
    """
    path = Path(out)
    if path.is_dir():
        raise ValueError(f"`out` must be a file. Received: out={str(out)!r}, a folder")
    write_whole(path, text)
    return path


def _by_split(runs: Sequence[RunFiles]) -> dict[str, list[RunFiles]]:
    """Returns data set and split -> the runs with results or predictions on it."""
    groups: dict[str, list[RunFiles]] = {}
    for run in runs:
        if run.results or run.predictions:
            groups.setdefault(f"{run.family} {run.split}".strip(), []).append(run)
    return groups
