"""Splitting of a text of joined labels, for files and exports without lists of labels."""

from collections.abc import Collection

SEPARATOR = ", "


def labels_of_text(text: str, known: Collection[str]) -> list[str]:
    """Splits a text of joined labels; labels that contain the separator are not split.

    The text is split into known labels, at each place the longest possible one. If it cannot be
    split into known labels, it is split at every separator.

    Args:
      text: labels joined by `SEPARATOR`.
      known: the model's labels.

    Example:
      >>> labels_of_text("sea, blue, boat", {"sea, blue", "sea", "boat"})
      ['sea, blue', 'boat']
    """
    if not text:
        return []
    pieces = text.split(SEPARATOR)
    most = 1 + max((name.count(SEPARATOR) for name in known), default=0)
    # rests[i]: the pieces from i on as known labels, or None. Filled from the end.
    rests: list[list[str] | None] = [None] * len(pieces) + [[]]
    for start in reversed(range(len(pieces))):
        for end in range(min(start + most, len(pieces)), start, -1):
            label, rest = SEPARATOR.join(pieces[start:end]), rests[end]
            if rest is not None and label in known:
                rests[start] = [label, *rest]
                break
    return pieces if rests[0] is None else rests[0]
