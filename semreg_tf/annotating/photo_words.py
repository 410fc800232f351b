"""Caption and keywords of an answer, for a photograph's metadata."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

# Namespace of the XMP properties that record the words of earlier answers.
XMP_NAMESPACE = "urn:semreg-tf:annotations:1.0#"
# The lowest probability of a captioner's concepts that become keywords (ours).
MIN_CONCEPT_PROBABILITY = 0.5
# The limit of an IPTC keyword; XMP holds longer ones whole.
_IPTC_BYTES = 64
# Characters that XML 1.0 forbids.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class PhotoWords:
    """Caption and keywords for a photograph's metadata.

    Attributes:
      caption: a sentence; None for a tag model.
      keywords: distinct keywords in the model's order.
    """

    caption: str | None
    keywords: tuple[str, ...]


def caption_of(row: Mapping[str, Any]) -> str | None:
    """Returns the caption of an answer; None for a tag model, whose text is its labels."""
    return None if "labels" in row and "label_probabilities" not in row else row["text"]


def words_of(row: Mapping[str, Any], shown_last: Collection[str]) -> PhotoWords:
    """Returns an answer's caption, and its keywords, among which none is `shown_last`.

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


def iptc_keyword(keyword: str) -> str:
    """Returns a keyword cut, between characters, to IPTC's limit."""
    return keyword.encode()[:_IPTC_BYTES].decode(errors="ignore")


def _plain(text: str) -> str:
    """Returns a text on one line, without characters that metadata formats forbid."""
    return " ".join(_NO_XML.sub("", text).split())
