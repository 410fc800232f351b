"""Labels of a text in which they stand joined, for files and exports without lists of labels."""

from collections.abc import Collection

SEPARATOR = ", "


def labels_of_text(text: str, known: Collection[str]) -> list[str]:
    """Returns the labels of a joined text; those that hold the separator themselves stay whole.

    At each place the longest known label is taken that leaves a rest which is all known labels
    too. Where there is none, the text up to the next separator is.

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
    # From the end: lists of the pieces from each place on, all of known labels, or None.
    rests: list[list[str] | None] = [None] * len(pieces) + [[]]
    for start in reversed(range(len(pieces))):
        for end in range(min(start + most, len(pieces)), start, -1):
            label, rest = SEPARATOR.join(pieces[start:end]), rests[end]
            if rest is not None and label in known:
                rests[start] = [label, *rest]
                break
    return pieces if rests[0] is None else rests[0]
