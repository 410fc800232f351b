"""Splits in which every label, and every kind of annotation, is present where it can be.

Iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011): the rarest name is shared out
first, each of its pictures to the split that lacks it most. That a split wants at least one picture
of a name, where there are enough for all splits, is ours.
"""

import collections
import heapq
from collections.abc import Mapping, Sequence
from typing import Any


def stratify(
    names_of: Mapping[str, Sequence[Any]], sizes: Mapping[str, int], order: Sequence[str]
) -> dict[str, list[str]]:
    """Shares pictures out to splits of given sizes.

    Args:
      names_of: picture -> the names that it bears, which can be sorted: labels, and kinds of
        annotations.
      sizes: split -> how many pictures it gets; the first split is the one that trains. The sizes
        sum to the number of pictures.
      order: the pictures in the order in which they are dealt where nothing else decides.

    Returns:
      The pictures of each split, in `order`.

    Example:
      >>> stratify({"a": ["dog"], "b": ["dog"], "c": []}, {"train": 2, "test": 1}, ["a", "b", "c"])
      {'train': ['a', 'c'], 'test': ['b']}
    """
    bearers: dict[Any, list[str]] = collections.defaultdict(list)
    for picture in order:
        for name in dict.fromkeys(names_of[picture]):
            bearers[name].append(picture)
    wanted = {name: _wanted(len(pictures), sizes) for name, pictures in bearers.items()}
    # Each picture of a name is passed once, though a name is asked for its next one many times.
    waiting = {name: iter(pictures) for name, pictures in bearers.items()}
    room = dict(sizes)
    left = {name: len(pictures) for name, pictures in bearers.items()}
    split_of: dict[str, str] = {}

    def deal(picture: str, split: str) -> None:
        split_of[picture] = split
        room[split] -= 1
        for name in dict.fromkeys(names_of[picture]):
            wanted[name][split] -= 1
            left[name] -= 1
            heapq.heappush(queue, (left[name], name))

    queue = [(number, name) for name, number in left.items()]
    heapq.heapify(queue)
    while queue:
        number, name = heapq.heappop(queue)
        if number != left[name] or not number:
            continue
        picture = next(p for p in waiting[name] if p not in split_of)
        open_splits = [split for split in sizes if room[split]]
        deal(picture, max(open_splits, key=lambda split: (wanted[name][split], room[split])))
    for picture in order:
        if picture not in split_of:
            deal(picture, max(sizes, key=room.__getitem__))
    return {split: [p for p in order if split_of[p] == split] for split in sizes}


def _wanted(number: int, sizes: Mapping[str, int]) -> dict[str, float]:
    """Returns how many pictures of a name each split wants: its share, one where there are enough.

    Where there are fewer than splits, the splits want one in their order: training first.
    """
    total = sum(sizes.values())
    splits = [split for split, size in sizes.items() if size]
    held_out = splits[1:] if number >= len(splits) else splits[1:number]
    wanted = dict.fromkeys(sizes, 0.0)
    for split in held_out:
        wanted[split] = max(1.0, number * sizes[split] / total)
    wanted[splits[0]] = number - sum(wanted.values())
    return wanted
