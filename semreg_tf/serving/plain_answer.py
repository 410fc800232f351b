"""The answer of `/annotate`: captions, tags and concepts of a picture with named scores."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from semreg_tf.image_annotation import shown_last_of, tasks_of
from semreg_tf.text.function_words import content_first
from semreg_tf.text.joined_labels import labels_of_text

TOP_CONCEPTS = 10


def plain_answer(info: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a model's outputs for one picture in a form for people and scripts.

    Returns:
      For a captioner `captions`, best first, each with its `log_probability`; for a tag model
      distinct `tags` in predicted order, each with its `probability`, None for earlier exports
      without it; both for a model of both. The most probable `concepts`, content words first, each
      with its `probability`; and with user tags `unknown_user_tags`.

    Example:
      >>> plain_answer({"task": "tags"}, outputs)["tags"]
      [{'tag': 'sea', 'probability': 0.92}, {'tag': 'boat', 'probability': 0.61}]
    """
    answer: dict[str, Any] = {}
    if "captions" in tasks_of(info):
        pairs = zip(outputs["annotations"], outputs["scores"], strict=True)
        answer["captions"] = [
            {"caption": text, "log_probability": score}
            for text, score in pairs
            if score is not None
        ]
    if "tags" in tasks_of(info):
        answer["tags"] = _tags(outputs)
    names = outputs["concept_names"]
    probabilities = np.array(outputs["concept_probabilities"], float)
    order = content_first(names, probabilities, shown_last_of(info))[:TOP_CONCEPTS]
    answer["concepts"] = [
        {"concept": names[i], "probability": float(probabilities[i])} for i in order
    ]
    if "unknown_user_tags" in outputs:
        answer["unknown_user_tags"] = outputs["unknown_user_tags"]
    return answer


def _tags(outputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "labels" in outputs:
        labels = [label for label in outputs["labels"][0] if label]
    else:
        labels = labels_of_text(outputs["annotations"][0], set(outputs["concept_names"]))
    scores = outputs.get("label_scores", [[]])[0]
    scored: dict[str, float | None] = {}
    for i, label in enumerate(labels):
        scored.setdefault(label, scores[i] if i < len(scores) else None)
    return [{"tag": label, "probability": score} for label, score in scored.items()]
