"""Cards in the style of the supplement's figures: a picture, its ground truth, its predictions."""

import base64
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semreg_tf.reporting.charts import bar
from semreg_tf.reporting.frequency import best_text
from semreg_tf.reporting.markup import Element, element
from semreg_tf.reporting.run_files import RunFiles, is_number
from semreg_tf.reporting.words import WordJudge, all_words
from semreg_tf.text.joined_labels import labels_of_text

NUM_CONCEPTS = 6
_KINDS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png"}
_ARROW = " → "


@dataclasses.dataclass(frozen=True)
class Prediction:
    """One run's row of predictions.jsonl for one picture."""

    label: str
    row: dict[str, Any]
    has_decoder: bool


@dataclasses.dataclass(frozen=True)
class Case:
    """A picture of the split with the predictions of all runs.

    Attributes:
      row: the first run's row of predictions.jsonl.
      predictions: the predictions of the runs.
      picture: path of a small copy, or None.
      score: the first run's score on the picture, or None.
    """

    row: dict[str, Any]
    predictions: tuple[Prediction, ...]
    picture: Path | None
    score: float | None


def build_cases(runs: Sequence[RunFiles], labels: Sequence[str]) -> list[Case]:
    """Joins the predictions of runs on one split by picture.

    Returns:
      The pictures of the first run with predictions, in the order of the split; if there are
      copies of pictures, only pictures with a copy.
    """
    named = [(run, label) for run, label in zip(runs, labels, strict=True) if run.predictions]
    if not named:
        return []
    by_id = [{row["image_id"]: row for row in run.predictions} for run, _ in named]
    cases = []
    for row in named[0][0].predictions:
        predictions, picture = [], None
        for (run, label), rows in zip(named, by_id, strict=True):
            other = rows.get(row["image_id"])
            if other is not None:
                predictions.append(Prediction(label, other, run.has_decoder))
                picture = picture or _picture_path(run, other)
        score = image_score(row, named[0][0].task, named[0][0].has_decoder)
        cases.append(Case(row, tuple(predictions), picture, score))
    return [case for case in cases if case.picture] or cases


def image_score(row: dict[str, Any], task: str, has_decoder: bool = True) -> float | None:
    """Returns a picture's CIDEr, or the F1 of its labels (without a decoder, of the first cut)."""
    if task == "captions":
        score = (row.get("scores") or {}).get("CIDEr")
        return float(score) if is_number(score) else None
    human = set(row.get("labels") or ())
    cuts = list((row.get("cnn") or {}).values())
    said = set(said_labels(row) if has_decoder else cuts[0] if cuts else ())
    if not human:
        return None
    return 2 * len(human & said) / (len(human) + len(said))


def said_labels(row: dict[str, Any]) -> list[str]:
    """Returns the labels of a row's best sequence.

    Files of earlier versions only have their joined text; the row's other lists then show which
    labels contain a comma.
    """
    if row.get("n_best_labels"):
        return [str(label) for label in row["n_best_labels"][0]]
    known = {str(name) for name, *_ in row.get("concepts") or () if name}
    known.update(*(row.get("cnn") or {}).values(), row.get("labels") or ())
    return [label for label in labels_of_text(best_text(row), known) if label]


def card(case: Case, task: str, judge: WordJudge | None) -> Element:
    """Builds the card of a picture; the judge marks the words of captions."""
    name = str(case.row.get("file_name") or case.row["image_id"])
    lines = _tag_lines(case) if task == "tags" else _caption_lines(case, judge)
    score = None
    if case.score is not None:
        metric = "F1" if task == "tags" else "CIDEr"
        score = element("span", f"{metric} {case.score:.2f}", cls="score")
    return element(
        "article",
        _picture(case, task),
        element("p", element("span", name), score, cls="name"),
        element("dl", lines, cls=task),
        _concepts(case, task),
        cls="card",
    )


def _picture_path(run: RunFiles, row: dict[str, Any]) -> Path | None:
    if not row.get("picture"):
        return None
    path = run.path / str(row["picture"])
    return path if path.is_file() else None


def _picture(case: Case, task: str) -> Element:
    if case.picture is None:
        return element("p", "no copy of this picture was saved", cls="no-picture")
    encoded = case.picture.read_bytes()
    kind = next((k for start, k in _KINDS.items() if encoded.startswith(start)), None)
    if kind is None:
        return element("p", "the picture's copy cannot be read", cls="no-picture")
    references = case.row.get("captions") or ["no reference"]
    human = references[0] if task == "captions" else ", ".join(case.row.get("labels") or ["none"])
    source = f"data:{kind};base64,{base64.b64encode(encoded).decode()}"
    return element("img", src=source, alt=f"People say: {human}")


def _line(name: str, *content: Any, cls: str | None = None) -> list[Element]:
    return [element("dt", name, cls=cls), element("dd", *content)]


def _marked(text: str, kind: str) -> Any:
    if not kind:
        return text
    hidden = element("span", " (wrong)", cls="hidden") if kind == "wrong" else None
    return element("span", text, hidden, cls=kind)


def _labels(labels: Sequence[str], human: set[str] | None) -> list[Any]:
    parts: list[Any] = []
    for i, label in enumerate(labels):
        kind = "" if human is None else "right" if label in human else "wrong"
        parts += [_ARROW if i else None, _marked(label, kind)]
    return parts or [element("i", "no label")]


def _tag_lines(case: Case) -> list[Element]:
    human = list(case.row.get("labels") or ())
    lines = _line("human", _labels(human, None))
    cuts = case.row.get("cnn") or {}
    for name in list(dict.fromkeys([*list(cuts)[:1], *list(cuts)[-1:]])):
        short = name.partition(" (")[0]
        lines += _line(short, _labels(cuts[name], set(human)))
    for prediction in case.predictions:
        if prediction.has_decoder:
            said = said_labels(prediction.row)
            lines += _line(prediction.label, _labels(said, set(human)), cls="ours")
    return lines


def _caption_lines(case: Case, judge: WordJudge | None) -> list[Element]:
    references = [str(c) for c in case.row.get("captions") or ()]
    first, more = references[:1] or ["no reference"], references[1:]
    lines = _line("human", first, _opened(f"{len(more)} more", more))
    for prediction in case.predictions:
        if not prediction.has_decoder:
            continue
        n_best = [str(entry[0]) for entry in prediction.row.get("n_best") or () if entry]
        if not n_best or judge is None:
            lines += _line(prediction.label, element("i", "no caption"), cls="ours")
            continue
        marked = [[_marked(w, k), " "] for w, k in judge.mark(n_best[0], references)]
        others = _opened("next best", n_best[1:])
        lines += _line(prediction.label, marked, others, cls="ours")
    return lines


def _opened(summary: str, texts: Sequence[str]) -> Element | None:
    """Returns a list that a click on its summary opens; None without texts."""
    if not texts:
        return None
    items = element("ul", [element("li", text) for text in texts])
    return element("details", element("summary", summary), items)


def _concepts(case: Case, task: str) -> Element | None:
    concepts = [c for c in case.row.get("concepts") or () if len(c) == 2 and is_number(c[1])]
    if not concepts:
        return None
    if task == "tags":
        human = set(case.row.get("labels") or ())
    else:
        human = {w for text in case.row.get("captions") or () for w in all_words(str(text))}
    items = []
    for name, probability in concepts[:NUM_CONCEPTS]:
        words = [name] if task == "tags" else all_words(str(name))
        cls = "fill-right" if words and all(w in human for w in words) else "fill-other"
        figure = element("span", f"{probability:.2f}", cls="value")
        items.append(element("li", element("span", str(name)), bar(probability, cls), figure))
    return element("ul", items, cls="concepts", aria_label="Most probable concepts")
