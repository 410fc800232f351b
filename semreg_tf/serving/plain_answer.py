"""What a model says of a picture, in words and numbers of their own names, best first."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from semreg_tf.inference import shown_last_of, tasks_of
from semreg_tf.text.function_words import content_first
from semreg_tf.text.joined_labels import labels_of_text

TOP_CONCEPTS = 10


def plain_answer(info: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a model's outputs for one picture as people and scripts read them.

    Args:
      info: of the model.
      found: its outputs by name, as JSON values.

    Returns:
      Of a captioner `captions`, each with its `log_probability`; of a tag model `tags` in
      predicted order, each once with its `probability`, None where an earlier export gives none;
      of a model of both, both. The most probable `concepts`, content words first, each with its
      `probability`; and with user tags `unknown_user_tags`.

    Example:
      >>> plain_answer({"task": "tags"}, found)["tags"]
      [{'tag': 'sea', 'probability': 0.92}, {'tag': 'boat', 'probability': 0.61}]
    """
    answer: dict[str, Any] = {}
    if "captions" in tasks_of(info):
        pairs = zip(found["annotations"], found["scores"], strict=True)
        answer["captions"] = [
            {"caption": text, "log_probability": score}
            for text, score in pairs
            if score is not None
        ]
    if "tags" in tasks_of(info):
        answer["tags"] = _tags(found)
    names = found["concept_names"]
    probabilities = np.array(found["concept_probabilities"], float)
    order = content_first(names, probabilities, shown_last_of(info))[:TOP_CONCEPTS]
    answer["concepts"] = [
        {"concept": names[i], "probability": float(probabilities[i])} for i in order
    ]
    if "unknown_user_tags" in found:
        answer["unknown_user_tags"] = found["unknown_user_tags"]
    return answer


def _tags(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "labels" in found:
        labels = [label for label in found["labels"][0] if label]
    else:
        labels = labels_of_text(found["annotations"][0], set(found["concept_names"]))
    scores = found.get("label_scores", [[]])[0]
    scored: dict[str, float | None] = {}
    for i, label in enumerate(labels):
        scored.setdefault(label, scores[i] if i < len(scores) else None)
    return [{"tag": label, "probability": score} for label, score in scored.items()]
