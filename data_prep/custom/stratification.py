"""Stratified splits, in which every label and every kind of annotation is present if possible.

Iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011): the pictures of the rarest name
are assigned first, each to the split that needs it most. Each split needs at least one picture of a
name, if there are enough for all splits (ours).
"""

import collections
import heapq
from collections.abc import Mapping, Sequence
from typing import Any


def stratify(
    names_of: Mapping[str, Sequence[Any]], sizes: Mapping[str, int], order: Sequence[str]
) -> dict[str, list[str]]:
    """Assigns pictures to splits of given sizes.

    Args:
      names_of: picture -> its sortable names: labels and kinds of annotations.
      sizes: split -> its number of pictures, with the training split first. The sizes sum to the
        number of pictures.
      order: the pictures in the order that decides between equal choices.

    Returns:
      The pictures of each split, in `order`.

    Example:
      >>> stratify({"a": ["dog"], "b": ["dog"], "c": []}, {"train": 2, "test": 1}, ["a", "b", "c"])
      {'train': ['a', 'c'], 'test': ['b']}
    """
    pictures_of: dict[Any, list[str]] = collections.defaultdict(list)
    for picture in order:
        for name in dict.fromkeys(names_of[picture]):
            pictures_of[name].append(picture)
    needed = {name: _needed(len(pictures), sizes) for name, pictures in pictures_of.items()}
    # Iterators, so that each picture of a name is visited once.
    unvisited = {name: iter(pictures) for name, pictures in pictures_of.items()}
    room = dict(sizes)
    remaining = {name: len(pictures) for name, pictures in pictures_of.items()}
    split_of: dict[str, str] = {}

    def assign(picture: str, split: str) -> None:
        split_of[picture] = split
        room[split] -= 1
        for name in dict.fromkeys(names_of[picture]):
            needed[name][split] -= 1
            remaining[name] -= 1
            heapq.heappush(queue, (remaining[name], name))

    queue = [(number, name) for name, number in remaining.items()]
    heapq.heapify(queue)
    while queue:
        number, name = heapq.heappop(queue)
        if number != remaining[name] or not number:
            continue
        picture = next(p for p in unvisited[name] if p not in split_of)
        open_splits = [split for split in sizes if room[split]]
        assign(picture, max(open_splits, key=lambda split: (needed[name][split], room[split])))
    for picture in order:
        if picture not in split_of:
            assign(picture, max(sizes, key=room.__getitem__))
    return {split: [p for p in order if split_of[p] == split] for split in sizes}


def _needed(number: int, sizes: Mapping[str, int]) -> dict[str, float]:
    """Returns how many pictures of a name each split needs: its share, at least one if possible.

    With fewer pictures than splits, the first splits need one each.
    """
    total = sum(sizes.values())
    splits = [split for split, size in sizes.items() if size]
    held_out = splits[1:] if number >= len(splits) else splits[1:number]
    needed = dict.fromkeys(sizes, 0.0)
    for split in held_out:
        needed[split] = max(1.0, number * sizes[split] / total)
    needed[splits[0]] = number - sum(needed.values())
    return needed
