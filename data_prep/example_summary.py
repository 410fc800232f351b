"""Statistics of a split's annotations: numbers per image and frequencies of names, as text."""

import collections
from collections.abc import Iterable, Sequence

import numpy as np

from semreg_tf.data.annotations import Annotation
from semreg_tf.data.text import is_punctuation

_BAR = 40


def describe_split(annotations: Sequence[Annotation], top: int) -> str:
    """Returns tables of the numbers per image and of the most frequent names of each kind.

    The count of a name is the number of images that have it; the count of a word is the number of
    images with the word in a caption, as for concepts (Sec. 5.1).

    Args:
      annotations: the annotations of the split.
      top: number of names of each kind to list; 0: all.
    """
    parts = [_per_image(annotations)]
    numbers = [len(a.labels) for a in annotations]
    if any(numbers):
        parts.append("\n".join(["labels per image", *_histogram(numbers)]))
    words = (
        {t for tokens in a.tokens for t in tokens if not is_punctuation(t)} for a in annotations
    )
    kinds = {
        "labels": [a.labels for a in annotations],
        "words": list(words),
        "user tags": [a.user_tags for a in annotations],
        "groups": [a.groups for a in annotations],
    }
    for kind, names in kinds.items():
        if any(names):
            parts.append(_frequencies(kind, names, top))
    return "\n\n".join(parts)


def _per_image(annotations: Sequence[Annotation]) -> str:
    kinds = {
        "captions": [len(a.captions) for a in annotations],
        "tokens per caption": [len(tokens) for a in annotations for tokens in a.tokens],
        "labels": [len(a.labels) for a in annotations],
        "user tags": [len(a.user_tags) for a in annotations],
        "groups": [len(a.groups) for a in annotations],
    }
    head = ("mean", "least", "median", "most", "images with none")
    lines = [f"{'per image':<18}" + "".join(f"{h:>10}" for h in head[:-1]) + f"{head[-1]:>18}"]
    for kind, numbers in kinds.items():
        if any(numbers):
            none = "" if kind == "tokens per caption" else f"{numbers.count(0):,}"
            lines.append(
                f"{kind:<18}{np.mean(numbers):>10.2f}{min(numbers):>10,}"
                f"{int(np.median(numbers)):>10,}{max(numbers):>10,}{none:>18}"
            )
    return "\n".join(line.rstrip() for line in lines)


def _histogram(numbers: Sequence[int]) -> list[str]:
    """Returns a line for each number, with a bar in proportion to its count."""
    counts = collections.Counter(numbers)
    longest = max(counts.values())
    lines = [
        f"{number:>6}  {counts[number]:>9,}  {'#' * round(_BAR * counts[number] / longest)}"
        for number in range(min(counts), max(counts) + 1)
    ]
    return [line.rstrip() for line in lines]


def _frequencies(kind: str, names: Sequence[Iterable[str]], top: int) -> str:
    counts = collections.Counter(name for image_names in names for name in image_names)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ranked[:top] if top else ranked
    width = max(len(name) for name, _ in shown)
    share = len(names)
    title = f"{kind}: {len(counts):,} different, images with each"
    if len(shown) < len(ranked):
        title += f", the {len(shown):,} most frequent"
    lines = [
        f"  {name:<{width}}  {n:>9,}  {n / share:>6.1%}  {'#' * round(_BAR * n / shown[0][1])}"
        for name, n in shown
    ]
    return "\n".join([title, *(line.rstrip() for line in lines)])
