"""The report's pictures: the best, the worst and others; ten are shown, the rest after a click."""

from collections.abc import Sequence

from semreg_tf.reporting import words
from semreg_tf.reporting.cards import build_cases, card
from semreg_tf.reporting.markup import Element, element, folded
from semreg_tf.reporting.run_files import RunFiles

NUM_EXTREMES = 8
NUM_SHOWN = 10
# Of these at most, pictures that are neither best nor worst.
_NUM_OTHERS_SHOWN = 4


def picture_parts(
    runs: Sequence[RunFiles], labels: Sequence[str], num_pictures: int
) -> list[Element]:
    """Builds the cards of one split; the first run's scores order the pictures.

    Returns:
      A heading, a legend, and for each kind of picture its cards; those after the first few are in
      a box that a click opens.
    """
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
    extremes_shown = min(size, (NUM_SHOWN - min(len(others), _NUM_OTHERS_SHOWN)) // 2)
    selection = "whose copies were saved" if cases[0].picture else "evaluated"
    parts = [element("h3", "Pictures"), _legend(task, len(cases), selection)]
    for title, chosen, num_shown in (
        (f"Best by {metric}", best, extremes_shown),
        (f"Failure cases: worst by {metric}", worst, extremes_shown),
        (
            "In the order of the split, neither best nor worst" if best else "In their order",
            others,
            NUM_SHOWN - 2 * extremes_shown,
        ),
    ):
        cards = [card(cases[i], task, judge) for i in chosen]
        if cards:
            parts += [element("h4", title), element("div", cards[:num_shown], cls="cards")]
        if rest := cards[num_shown:]:
            parts.append(
                folded(
                    f"{len(rest)} more picture{'s' if len(rest) > 1 else ''}",
                    element("div", rest, cls="cards"),
                )
            )
    return parts


def _legend(task: str, number: int, selection: str) -> Element:
    wrong = element("span", "red", cls="wrong")
    right = element("span", "green", cls="right")
    legend: tuple[Element | str, ...]
    if task == "tags":
        legend = (
            "Human labels are ordered rare first, the CNN's by falling probability, the model's in "
            "the order of prediction; a note above tells if the CNN is another run's. ",
            right, ": a label that people gave too; ", wrong, ": one that they did not. ",
        )  # fmt: skip
    else:
        legend = (
            wrong, ": a content word in none of the picture's references; ", right,
            f": a fine detail, in at least one of them but in those of at most "
            f"{words.DETAIL_SHARE:.0%} of all pictures. ",
        )  # fmt: skip
    bars = "Bars: the most probable concepts of the model, green if they are in the ground truth. "
    source = f"Chosen from the {number} pictures {selection}."
    return element("p", legend, bars, source, cls="note")
