"""One self-contained HTML page on one or several runs, in the style of the paper's supplement.

It reads result files alone (config.json, results.json, predictions.jsonl, history.jsonl,
concepts.txt and the small pictures), and loads nothing from the network.
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
    """Builds the page.

    Args:
      workdirs: work directories of runs. The first of a data set's split leads: its scores choose
        the best and worst pictures. Those without results add their training curves.
      num_pictures: cards of each split shown beside its best and its worst.

    Returns:
      The page as HTML.

    Raises:
      ValueError: no folder is given, or one is no work directory.

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
        ("How to read this", sections.caveats_section()),
    ]
    return page("Image annotation report", [part for part in parts if part[1]])


def write_report(workdirs: Sequence[str | Path], out: str | Path, num_pictures: int = 24) -> Path:
    """Writes the page of `build_report` to a file, whole or not at all.

    Args:
      workdirs: work directories of runs.
      out: the file; missing parent folders are made.
      num_pictures: cards of each split shown beside its best and its worst.

    Returns:
      The file.

    Raises:
      ValueError: no folder is given, or one is no work directory.
      OSError: the file cannot be written.
    """
    return write_text(build_report(workdirs, num_pictures), out)


def paper_comparison(
    workdirs: Sequence[str | Path] = (),
    tables: Sequence[str] | None = None,
    form: str = "markdown",
) -> str:
    """Sets runs beside the papers' tables, with the difference where the data is the same.

    Args:
      workdirs: work directories of evaluated runs; without any, the printed figures alone.
      tables: such as "Table 4"; None: all.
      form: "markdown", or "html" for a page of its own.

    Returns:
      The tables, and a sentence on each run that is in none of them.

    Raises:
      ValueError: no such table or form, or a folder that is no work directory.
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
    """Writes a page to a file, whole or not at all; missing parent folders are made.

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
    """Returns the runs with results or predictions by what they were evaluated on."""
    groups: dict[str, list[RunFiles]] = {}
    for run in runs:
        if run.results or run.predictions:
            groups.setdefault(f"{run.family} {run.split}".strip(), []).append(run)
    return groups
