"""The caption and the keywords of a photograph, as an answer gives them."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

# A captioner has no tags: content words that its CNN is surer of than of their opposite (ours).
MIN_CONCEPT_PROBABILITY = 0.5
# What XML 1.0 cannot hold.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class PhotoWords:
    """What is written to a photograph.

    Attributes:
      caption: a sentence, or None of a tag model.
      keywords: in the model's order, each once.
    """

    caption: str | None
    keywords: tuple[str, ...]


def caption_of(row: Mapping[str, Any]) -> str | None:
    """Returns the caption of an answer; None of a tag model, whose text is its labels."""
    return None if "labels" in row and "label_probabilities" not in row else row["text"]


def words_of(row: Mapping[str, Any], shown_last: Collection[str]) -> PhotoWords:
    """Returns the caption and the keywords of an answer.

    Args:
      row: of `answer_row`, without an error.
      shown_last: function words among the concepts, which are no keywords.

    Example:
      >>> words_of({"text": "a dog", "concepts": [["dog", 0.9], ["a", 1.0]]}, {"a"})
      PhotoWords(caption='a dog', keywords=('dog',))
    """
    caption = caption_of(row)
    keywords = row.get("labels")
    if keywords is None:
        keywords = [
            name
            for name, probability in row["concepts"]
            if probability >= MIN_CONCEPT_PROBABILITY and name not in shown_last
        ]
    plain = dict.fromkeys(map(_plain, keywords))
    return PhotoWords(_plain(caption) if caption else None, tuple(name for name in plain if name))


def _plain(text: str) -> str:
    """Returns a text on one line, without what no metadata format holds."""
    return " ".join(_NO_XML.sub("", text).split())
