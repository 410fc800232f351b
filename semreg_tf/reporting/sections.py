"""The report's sections: runs, scores and pictures of each split, curves, caveats."""

from collections.abc import Collection, Sequence

from semreg_tf.reporting import score_tables, words
from semreg_tf.reporting.comparison import compare, to_element
from semreg_tf.reporting.curves import curve_charts
from semreg_tf.reporting.frequency import (
    best_cut,
    class_rows,
    class_tables,
    recall_chart,
    tag_recalls,
    word_recalls,
)
from semreg_tf.reporting.markup import Element, element, folded, table
from semreg_tf.reporting.pictures import picture_parts
from semreg_tf.reporting.run_files import OURS, RunFiles, distinct_labels, short_commit

NUM_RARE_CLASSES = 20


def runs_section(runs: Sequence[RunFiles]) -> list[Element]:
    """Lists the work directories, their versions, and the files that cannot be read."""
    rows = []
    for run in runs:
        evaluated = "not evaluated"
        if run.results:
            evaluated = f"{run.split}, {run.results.get('num_images', '?')} images"
            evaluated += "" if run.predictions else ", no predictions"
        commit = short_commit(run.about.get("commit"))
        rows.append(
            [run.folder, run.experiment, run.table_row, run.stage, str(run.seed), evaluated,
             element("code", commit)]
        )  # fmt: skip
    header = ["folder", "experiment", "row", "stage", "seed", "evaluated", "commit"]
    parts = [element("h2", "Runs", id="runs"), table(header, rows, "The work directories read")]
    versions = {
        f"{name} {version}"
        for run in runs
        for name, version in (run.about.get("versions") or {}).items()
    }
    if versions:
        parts.append(element("p", "Versions: ", ", ".join(sorted(versions)), cls="note"))
    notes = [f"{run.folder}: {note}" for run in runs for note in run.notes]
    if notes:
        parts.append(element("p", "Damaged files, which are left out:", cls="note"))
        parts.append(element("ul", [element("li", note) for note in notes], cls="note"))
    return parts


def split_section(runs: Sequence[RunFiles], anchor: str, num_pictures: int) -> list[Element]:
    """Shows the scores and pictures of runs on one split, below the first run's headline."""
    lead, labels = runs[0], distinct_labels(runs)
    task = {"tags": "Tags", "captions": "Captions"}.get(lead.task, "Predictions")
    title = f"{task}: {lead.family}, {lead.split or 'split unknown'}"
    parts: list[Element] = [element("h2", title, id=anchor)]
    headline = _headline(lead)
    parts += [element("p", headline, cls="headline")] if headline else []
    if lead.task == "tags" and any(run.tag_systems() for run in runs):
        parts.append(score_tables.tag_table(runs, labels))
    elif lead.task == "captions" and any(run.main_scores() for run in runs):
        parts += score_tables.caption_tables(runs, labels)
    else:
        parts.append(element("p", "There are predictions but no scores: evaluate the run."))
    for run, label in zip(runs, labels, strict=True):
        for warning in run.results.get("warnings") or ():
            parts.append(element("p", f"{label}: {warning}.", cls="note"))
    # Charts and cards show one seed of each experiment.
    kinds = [(run.experiment, run.stage) for run in runs]
    distinct = [run for i, run in enumerate(runs) if kinds.index(kinds[i]) == i]
    labels = distinct_labels(distinct)
    parts += _frequency_parts(distinct, labels)
    parts += picture_parts(distinct, labels, num_pictures)
    return parts + _class_parts(distinct, labels)


def comparison_section(runs: Sequence[RunFiles]) -> list[Element]:
    """Shows the papers' tables that have a row of a run."""
    tables = [to_element(c) for c in compare(runs) if c.has_runs]
    if not tables:
        return []
    return [element("h2", "Beside the printed figures", id="paper"), *tables]


def curves_section(runs: Sequence[RunFiles]) -> list[Element]:
    """Shows the training curves."""
    charts = curve_charts(runs, distinct_labels(runs))
    heading = element("h2", "Training curves", id="curves")
    if not charts:
        return [heading, element("p", "No work directory has a history.jsonl.")]
    note = (
        "Measured on the validation split, free-running; in the unary stage the tags' O-F1 is "
        "that of the CNN at its best threshold. Steps and time of each stage start at zero; the "
        "time includes validation."
    )
    return [heading, element("p", note, cls="note"), *charts]


def caveats_section(tasks: Collection[str]) -> list[Element]:
    """Explains how to read the page, and the limits of the models of these tasks."""
    incomplete = {
        "tags": "Human labels are incomplete: some labels marked wrong are in the picture.",
        "captions": "Human captions are incomplete: a correct word that no annotator used is "
        "marked wrong.",
    }
    of_captions = (
        "Words are marked automatically: their stems are compared with those of the picture's "
        f"references. A fine detail, in green, is a content word in at least one of them and "
        f"in those of at most {words.DETAIL_SHARE:.0%} of all pictures; red is a content word in "
        "none. A word of the references in a wrong role is not marked.",
        "CIDEr depends on the set of pictures it is computed over; a single picture's CIDEr is "
        "only useful for ranking.",
    )
    lines = (
        *(text for task, text in incomplete.items() if task in tasks),
        *(of_captions if "captions" in tasks else ()),
        "A model uses only labels and words of its training data. It fails most often on counts, "
        "left and right, colours of small objects and rare objects; it cannot read text or "
        "recognise people.",
        "Probabilities are scores and are not calibrated.",
        "Scores on few pictures vary: a difference smaller than the spread over seeds is not "
        "significant.",
    )
    return [
        element("h2", "How to read this", id="reading"),
        element("ul", [element("li", line) for line in lines]),
    ]


def _headline(run: RunFiles) -> str | None:
    scores = run.main_scores()
    if run.task == "captions" and "CIDEr" in scores:
        return f"CIDEr {scores['CIDEr']:.3f} on {run.results.get('num_images', '?')} images."
    systems = run.tag_systems()
    cuts = {n: s["O-F1"] for n, s in run.cnn_cuts().items() if s.get("O-F1") is not None}
    if OURS not in systems or not cuts or "O-F1" not in scores:
        return None
    best = max(cuts, key=cuts.__getitem__)
    return (
        f"O-F1 {100 * scores['O-F1']:.2f} %; {best.partition(' (')[0]}, the best cut of the CNN "
        f"alone: {100 * cuts[best]:.2f} %."
    )


def _frequency_parts(runs: Sequence[RunFiles], labels: Sequence[str]) -> list[Element]:
    lead = runs[0]
    if lead.task == "captions":
        chart = recall_chart(word_recalls(runs, labels), lead.concept_counts, "words")
        note = (
            "Concepts that are content words, grouped by their number of occurrences in the "
            "training captions; one is recalled if a picture's references and caption have it."
        )
    else:
        chart = recall_chart(tag_recalls(runs, labels), _class_counts(lead), "classes")
        source = "training images" if lead.concept_counts else "images of this split"
        note = f"Classes are grouped by their number of {source}."
    if chart is None:
        return []
    return [element("h3", "Rare and frequent"), element("p", note, cls="note"), chart]


def _class_parts(runs: Sequence[RunFiles], labels: Sequence[str]) -> list[Element]:
    lead = runs[0]
    scores, cuts = lead.tag_systems().get(OURS), lead.cnn_cuts()
    best = best_cut(cuts)
    systems = {labels[0]: scores} if scores else {}
    systems |= {best: cuts[best]} if best else {}
    tables = class_tables(systems, lead.concept_counts, NUM_RARE_CLASSES)
    if not tables:
        return []
    rest = [folded(f"The {number} more frequent classes", box) for number, box in tables[1:]]
    return [element("h3", "Class by class"), tables[0][1], *rest]


def _class_counts(run: RunFiles) -> dict[str, int]:
    return run.concept_counts or {
        row["name"]: row["support"]
        for scores in run.tag_systems().values()
        for row in class_rows(scores)
    }
