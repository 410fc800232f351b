"""What a model says of one picture, from the outputs of a signature."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from semreg_tf.text.function_words import content_first, words_shown_last
from semreg_tf.text.joined_labels import labels_of_text


@dataclass(frozen=True)
class ImageAnnotation:
    """What the model says of one picture.

    Attributes:
      text: the best caption, or the labels in predicted order, comma-separated, to be read by
        people; None if `error`.
      n_best: (text, score) pairs, best first; scores are log probabilities.
      concepts: (name, probability) pairs of all concepts, most probable first; of a captioner
        content words come before function words such as "a" and "in".
      error: why the picture could not be read, or None.
      unknown_user_tags: how many of its user tags the model does not know; None without tags.
      label_scores: of a tag model the probability of each label of `text`, in order, given the
        picture and the labels before it; of a CNN alone its concept's probability. Empty of a
        captioner and of exports of earlier versions.
      labels: of a tag model the best labels in predicted order; None of a captioner or if `error`.
      n_best_labels: of a tag model the labels of each entry of `n_best`; of a model of captions and
        tags, whose `n_best` are captions, of each list of labels that was searched, best first.
      label_probabilities: of a model of captions and tags, whose `concepts` are the captioner's,
        what its CNN says of every label: (label, probability) pairs, most probable first.
    """

    text: str | None
    n_best: tuple[tuple[str, float], ...] = ()
    concepts: tuple[tuple[str, float], ...] = ()
    error: str | None = None
    unknown_user_tags: int | None = None
    label_scores: tuple[float, ...] = ()
    labels: tuple[str, ...] | None = None
    n_best_labels: tuple[tuple[str, ...], ...] = ()
    label_probabilities: tuple[tuple[str, float], ...] = ()


def tasks_of(info: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns what a model with this `info` says of a picture: "captions", "tags", or both."""
    return tuple(info.get("tasks") or (info["task"],))


def shown_last_of(info: Mapping[str, Any]) -> frozenset[str]:
    """Returns the concepts that are shown last by a model whose `info` this is."""
    data = info.get("config", {}).get("data", {})
    language = data.get("function_words", "english")
    return words_shown_last(info["task"], data.get("labels_from", "labels"), language)


def annotation_of_row(
    answer: dict[str, np.ndarray],
    row: int,
    names: list[str],
    tasks: tuple[str, ...],
    shown_last: frozenset[str],
) -> ImageAnnotation:
    """Returns what a signature says of one picture.

    Args:
      answer: its outputs by name, the batch first.
      row: of the picture.
      names: of the concepts.
      tasks: of `tasks_of`.
      shown_last: of `shown_last_of`.
    """
    texts, probabilities = answer["annotations"][row], answer["concept_probabilities"][row]
    there = _found(answer["scores"][row])
    n_best = tuple((texts[i].decode(), float(answer["scores"][row][i])) for i in there)
    labels = _labels_of(answer, row, set(names)) if "tags" in tasks else []
    order = content_first(names, probabilities, shown_last)
    unknown = answer.get("unknown_user_tags")
    return ImageAnnotation(
        texts[0].decode(),
        n_best,
        tuple((names[i], float(probabilities[i])) for i in order),
        unknown_user_tags=None if unknown is None else int(unknown[row]),
        label_scores=_label_scores(answer, row),
        labels=labels[0] if labels else None,
        n_best_labels=tuple(
            labels[i] for i in _found(answer.get("label_list_scores", answer["scores"])[row])
        )
        if labels
        else (),
        label_probabilities=_label_probabilities(answer, row),
    )


def _found(scores: np.ndarray) -> list[int]:
    """Returns the places of what the search found; there may be fewer than were asked for."""
    return [i for i, score in enumerate(scores) if np.isfinite(score)]


def _label_probabilities(answer: dict[str, np.ndarray], row: int) -> tuple[tuple[str, float], ...]:
    if "label_names" not in answer:
        return ()
    names, probabilities = answer["label_names"][row], answer["label_probabilities"][row]
    order = np.argsort(-probabilities, kind="stable")
    return tuple((names[i].decode(), float(probabilities[i])) for i in order)


def _label_scores(answer: dict[str, np.ndarray], row: int) -> tuple[float, ...]:
    if "label_scores" not in answer:
        return ()
    return tuple(float(score) for score in answer["label_scores"][row, 0] if score >= 0)


def _labels_of(answer: dict[str, np.ndarray], row: int, known: set[str]) -> list[tuple[str, ...]]:
    """Returns the labels of each result; exports of earlier versions have them in texts alone."""
    if "labels" not in answer:
        texts = answer["annotations"][row]
        return [tuple(labels_of_text(text.decode(), known)) for text in texts]
    return [tuple(x.decode() for x in labels if x) for labels in answer["labels"][row]]
