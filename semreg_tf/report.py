"""One self-contained HTML page on one or several runs, in the style of the paper's supplement.

It reads result files alone (config.json, results.json, predictions.jsonl, history.jsonl,
concepts.txt and the small pictures), and loads nothing from the network.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from semreg_tf.reporting import sections
from semreg_tf.reporting.markup import Element, element, to_html
from semreg_tf.reporting.run_files import RunFiles, distinct_labels, read_runs
from semreg_tf.reporting.style import style_sheet


def build_report(workdirs: Sequence[str | Path], num_pictures: int = 28) -> str:
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
    named = list(zip(runs, distinct_labels(runs), strict=True))
    parts: list[tuple[str, list[Element]]] = []
    for i, (title, group) in enumerate(_by_split(named).items()):
        parts.append((title, sections.split_section(group, f"split-{i}", num_pictures)))
    parts += [
        ("Beside the printed figures", sections.comparison_section(runs)),
        ("Training curves", sections.curves_section(named)),
        ("Runs", sections.runs_section(named)),
        ("How to read this", sections.caveats_section()),
    ]
    return _page("Image annotation report", [part for part in parts if part[1]])


def write_report(workdirs: Sequence[str | Path], out: str | Path, num_pictures: int = 28) -> Path:
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
    page = build_report(workdirs, num_pictures)
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(page, encoding="utf-8")
    os.replace(partial, path)
    return path


def _by_split(
    runs: Sequence[tuple[RunFiles, str]],
) -> dict[str, list[tuple[RunFiles, str]]]:
    """Returns the runs with results or predictions by what they were evaluated on."""
    groups: dict[str, list[tuple[RunFiles, str]]] = {}
    for run, label in runs:
        if run.results or run.predictions:
            groups.setdefault(f"{run.family} {run.split}".strip(), []).append((run, label))
    return groups


def _page(title: str, parts: Sequence[tuple[str, list[Element]]]) -> str:
    links = []
    for name, elements in parts:
        links.append(element("li", element("a", name, href=f"#{elements[0].get('id')}")))
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", style_sheet()),
    )
    body = element(
        "body",
        element("header", element("h1", title), element("nav", element("ul", links))),
        element("main", [element("section", elements) for _, elements in parts]),
    )
    return f"<!DOCTYPE html>\n{to_html(element('html', head, body, lang='en'))}\n"
