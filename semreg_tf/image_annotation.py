"""A model's annotation of one picture, built from the outputs of a signature."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from semreg_tf.text.function_words import content_first, words_shown_last
from semreg_tf.text.joined_labels import labels_of_text


@dataclass(frozen=True)
class ImageAnnotation:
    """A model's annotation of one picture.

    Attributes:
      text: the best caption, or the labels in predicted order, comma-separated, for display; None
        if `error`.
      n_best: (text, score) pairs, best first; scores are log probabilities.
      concepts: (name, probability) pairs of all concepts, most probable first; for captioners,
        content words come before function words such as "a" and "in".
      error: the reason why the picture could not be read, or None.
      unknown_user_tags: number of its user tags that are not in the vocabulary; None without tags.
      label_scores: for tag models, the probability of each label of `text` given the picture and
        the previous labels; without decoder the concept's probability; where CNN and decoder are
        combined, their mean. Empty for captioners and for exports of earlier versions.
      labels: for tag models, the best labels in predicted order; None for captioners or if `error`.
      n_best_labels: for tag models, the labels of each entry of `n_best`; for models of captions
        and tags, whose `n_best` are captions, the label lists, best first.
      label_probabilities: for models of captions and tags, whose `concepts` are the captioner's,
        (label, probability) pairs of all labels, most probable first.
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
    """Returns the tasks of a model with this info: "captions", "tags", or both."""
    return tuple(info.get("tasks") or (info["task"],))


def shown_last_of(info: Mapping[str, Any]) -> frozenset[str]:
    """Returns the concepts that a model with this info shows last."""
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
    """Returns the annotation of one picture from the outputs of a signature."""
    texts, probabilities = answer["annotations"][row], answer["concept_probabilities"][row]
    scores = answer["scores"][row]
    n_best = tuple((texts[i].decode(), float(scores[i])) for i in _existing(scores))
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
            labels[i] for i in _existing(answer.get("label_list_scores", answer["scores"])[row])
        )
        if labels
        else (),
        label_probabilities=_label_probabilities(answer, row),
    )


def _existing(scores: np.ndarray) -> list[int]:
    """Returns the indices of existing results; a search may return fewer than requested."""
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
    """Returns the labels of each result; exports of earlier versions only have joined texts."""
    if "labels" not in answer:
        texts = answer["annotations"][row]
        return [tuple(labels_of_text(text.decode(), known)) for text in texts]
    return [tuple(x.decode() for x in labels if x) for labels in answer["labels"][row]]
