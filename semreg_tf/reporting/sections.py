"""The report's sections: what was run, scores and pictures of each split, curves, caveats."""

from collections.abc import Sequence

from semreg_tf.reporting import score_tables, words
from semreg_tf.reporting.cards import Case, build_cases, card
from semreg_tf.reporting.comparison import compare, to_element
from semreg_tf.reporting.curves import curve_charts
from semreg_tf.reporting.frequency import (
    class_rows,
    class_table,
    recall_chart,
    tag_recalls,
    word_recalls,
)
from semreg_tf.reporting.markup import Element, element, table
from semreg_tf.reporting.run_files import OURS, RunFiles, distinct_labels, short_commit

NUM_EXTREMES = 8


def runs_section(runs: Sequence[RunFiles]) -> list[Element]:
    """Lists the work directories, their versions, and what is missing in them."""
    rows = []
    for run in runs:
        evaluated = "not evaluated"
        if run.results:
            evaluated = f"{run.split}, {run.results.get('num_images', '?')} images"
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
        parts.append(element("p", "Missing, so not shown:", cls="note"))
        parts.append(element("ul", [element("li", note) for note in notes], cls="note"))
    return parts


def split_section(runs: Sequence[RunFiles], anchor: str, num_pictures: int) -> list[Element]:
    """Shows the scores and pictures of runs on one split.

    Args:
      runs: the first leads.
      anchor: id of the heading.
      num_pictures: cards shown beside the best and the worst.
    """
    lead, labels = runs[0], distinct_labels(runs)
    what = {"tags": "Tags", "captions": "Captions"}.get(lead.task, "Predictions")
    title = f"{what}: {lead.family}, {lead.split or 'split unknown'}"
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
    # Another seed of the same experiment adds a row above, but no line to a card.
    kinds = [(run.experiment, run.stage) for run in runs]
    first = [i for i, kind in enumerate(kinds) if kinds.index(kind) == i]
    kept = [runs[i] for i in first]
    labels = distinct_labels(kept)
    parts += _frequency_parts(kept, labels)
    parts += _picture_parts(kept, labels, num_pictures)
    return parts + _class_parts(kept, labels)


def comparison_section(runs: Sequence[RunFiles]) -> list[Element]:
    """Shows the papers' tables in which a run has a row."""
    found = [to_element(c) for c in compare(runs) if c.has_runs]
    if not found:
        return []
    return [element("h2", "Beside the printed figures", id="paper"), *found]


def curves_section(runs: Sequence[RunFiles]) -> list[Element]:
    """Shows the training curves."""
    charts = curve_charts(runs, distinct_labels(runs))
    heading = element("h2", "Training curves", id="curves")
    if not charts:
        return [heading, element("p", "No work directory holds a history.jsonl.")]
    note = (
        "Measured on the validation split, free-running; in the unary stage the tags' O-F1 is "
        "that of the CNN at its best threshold. Each stage starts at zero; the time is that of "
        "its own training with its validations."
    )
    return [heading, element("p", note, cls="note"), *charts]


def caveats_section() -> list[Element]:
    """Says how to read the page and what the models cannot do."""
    lines = (
        "People's labels and captions are not complete: some labels marked wrong are in the "
        "picture, and a right word that no annotator used is marked wrong.",
        "Marks are made by a rule, not by hand: words are compared with the picture's references "
        f"by their stems. A fine detail, in green, is a content word in at least one of them and "
        f"in those of at most {words.DETAIL_SHARE:.0%} of all pictures; red is a content word in "
        "none. A word in the right place in the wrong role stays unmarked.",
        "A model names only labels and words of its training data. Counts, left and right, "
        "colours of small things and rare objects are where it fails most; it reads no text and "
        "recognises nobody.",
        "Probabilities are scores, not calibrated chances.",
        "Scores on few pictures vary: two systems apart by less than the spread over seeds are "
        "not apart. CIDEr depends on the set of pictures it is computed over, and a single "
        "picture's CIDEr only ranks.",
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
    cuts = {n: s["O-F1"] for n, s in systems.items() if n != OURS and s.get("O-F1") is not None}
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
            "Concepts that are content words, grouped by how often the training captions use "
            "them; recalled where a picture's references and its caption both hold the word."
        )
    else:
        chart = recall_chart(tag_recalls(runs, labels), _class_counts(lead), "classes")
        source = "training images" if lead.concept_counts else "images of this split"
        note = f"Classes are grouped by how many {source} have them."
    if chart is None:
        return []
    return [element("h3", "Rare and frequent"), element("p", note, cls="note"), chart]


def _class_parts(runs: Sequence[RunFiles], labels: Sequence[str]) -> list[Element]:
    systems = runs[0].tag_systems()
    cuts = [name for name in systems if name != OURS]
    best = max(cuts, key=lambda name: systems[name].get("O-F1") or 0.0, default=None)
    shown = {labels[0] if n == OURS else n: systems[n] for n in (OURS, best) if n in systems}
    made = class_table(shown, _class_counts(runs[0]))
    return [] if made is None else [element("h3", "Class by class"), made]


def _class_counts(run: RunFiles) -> dict[str, int]:
    return run.concept_counts or {
        row["name"]: row["support"]
        for scores in run.tag_systems().values()
        for row in class_rows(scores)
    }


def _picture_parts(
    runs: Sequence[RunFiles], labels: Sequence[str], num_pictures: int
) -> list[Element]:
    cases = build_cases(runs, labels)
    if not cases:
        return [element("p", "There are no predictions to show.", cls="note")]
    task = runs[0].task
    judge = None
    if task == "captions":
        lead = next(run for run in runs if run.predictions)
        judge = words.WordJudge([row.get("captions") or () for row in lead.predictions])
    metric = "F1" if task == "tags" else "CIDEr"
    scored = {i: case.score for i, case in enumerate(cases) if case.score is not None}
    ranked = sorted(scored, key=lambda i: -scored[i])
    size = min(NUM_EXTREMES, len(ranked) // 3)
    best, worst = ranked[:size], ranked[len(ranked) - size :][::-1]
    others = [i for i in range(len(cases)) if i not in {*best, *worst}][:num_pictures]
    kept = "whose copies were kept" if cases[0].picture else "evaluated"
    parts = [element("h3", "Pictures"), _legend(task, len(cases), kept)]
    for title, chosen in (
        (f"Best by {metric}", best),
        (f"Failure cases: worst by {metric}", worst),
        ("In the order of the split, neither best nor worst" if best else "In their order", others),
    ):
        if chosen:
            parts.append(element("h4", title))
            shown: list[Case] = [cases[i] for i in chosen]
            parts.append(element("div", [card(c, task, judge) for c in shown], cls="cards"))
    return parts


def _legend(task: str, number: int, kept: str) -> Element:
    wrong = element("span", "red", cls="wrong")
    right = element("span", "green", cls="right")
    said: tuple[Element | str, ...]
    if task == "tags":
        said = (
            "Labels of people stand rare first, those of the CNN by falling probability, those of "
            "the model in the order in which it predicts them. ",
            right, ": a label that people gave too; ", wrong, ": one that they did not. ",
        )  # fmt: skip
    else:
        said = (
            wrong, ": a content word in none of the picture's references; ", right,
            f": a fine detail, in one of them at least but in those of at most "
            f"{words.DETAIL_SHARE:.0%} of all pictures. ",
        )  # fmt: skip
    bars = "Bars: the most probable concepts, green where people agree. "
    return element("p", said, bars, f"Chosen from the {number} pictures {kept}.", cls="note")
