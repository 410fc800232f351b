"""Stratified splits, in which every label and every kind of annotation is present if possible.

Iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011): the pictures of the rarest name
are assigned first, each to the split that needs it most. Each split needs at least one picture of a
name, if there are enough for all splits and it is not crowded by rare names (ours). A name that is
then held out alone gets a picture of the training split in exchange (ours).
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
    remaining = {name: len(pictures) for name, pictures in pictures_of.items()}
    needed = _needed(pictures_of, sizes)
    # Iterators, so that each picture of a name is visited once.
    unvisited = {name: iter(pictures) for name, pictures in pictures_of.items()}
    room = dict(sizes)
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
    _exchange_for_training(split_of, pictures_of, names_of, next(iter(sizes)))
    return {split: [p for p in order if split_of[p] == split] for split in sizes}


def _exchange_for_training(
    split_of: dict[str, str],
    pictures_of: Mapping[Any, Sequence[str]],
    names_of: Mapping[str, Sequence[Any]],
    first: str,
) -> None:
    """Exchanges pictures, so that each name has one in the `first` split if possible.

    Names of few pictures fill the training split first, and may leave no place in it for a name of
    a few more. The picture comes from the split that has most of the name, and goes to the place of
    one whose names all stay in training.
    """
    training = collections.Counter(
        name for p, split in split_of.items() if split == first for name in set(names_of[p])
    )
    for name, pictures in pictures_of.items():
        if training[name]:
            continue
        held_out = collections.Counter(split_of[p] for p in pictures)
        wanted = max(pictures, key=lambda p: held_out[split_of[p]])
        spare = next(
            (
                picture
                for picture, split in split_of.items()
                if split == first
                and all(training[n] > 1 or n in names_of[wanted] for n in names_of[picture])
            ),
            None,
        )
        if spare is None:
            continue
        split_of[spare], split_of[wanted] = split_of[wanted], first
        training.subtract(set(names_of[spare]))
        training.update(set(names_of[wanted]))


def _needed(
    pictures_of: Mapping[Any, Sequence[str]], sizes: Mapping[str, int]
) -> dict[Any, dict[str, float]]:
    """Returns name -> how many pictures with it each split needs: its share, if possible one.

    With fewer pictures than splits, the first splits need one each. Names whose share is below one
    may need up to half of a held-out split, or what pictures without such names leave of it; the
    more frequent names come first (ours).
    """
    total = max(1, sum(sizes.values()))
    splits = [split for split, size in sizes.items() if size]
    counts = {name: len(pictures) for name, pictures in pictures_of.items()}

    def share(name: Any, split: str) -> float:
        return counts[name] * sizes[split] / total

    room = {}
    for split in splits[1:]:
        rare = {p for name in counts if share(name, split) < 1 for p in pictures_of[name]}
        room[split] = sizes[split] * max(0.5, len(rare) / total)
    needed = {}
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        needs = dict.fromkeys(sizes, 0.0)
        for split in splits[1:] if counts[name] >= len(splits) else splits[1 : counts[name]]:
            if share(name, split) >= 1:
                needs[split] = share(name, split)
            elif room[split] >= 0.5:
                room[split] -= 1
                needs[split] = 1.0
        needs[splits[0]] = counts[name] - sum(needs.values())
        needed[name] = needs
    return needed
