"""Checks whether two splits of a data set, or parts of splits, can share images."""

import re

# TFDS's slicing: "train[:5000]", "train[90%:]", "train[-500:]".
_PART = re.compile(r"^(?P<split>[^\[\]]+)\[(?P<first>-?[\d_]*%?):(?P<last>-?[\d_]*%?)\]$")


def check_splits(train: str, validation: str, test: str, purpose: str) -> None:
    """Refuses a test split that shares images with the training or the validation split.

    Args:
      train: the training split.
      validation: the split on which checkpoints are chosen.
      test: the split on which scores are reported.
      purpose: `DataConfig.purpose`: "report" allows no overlap, "search" allows one with the
        validation split, "fit" allows any.

    Raises:
      ValueError: two splits overlap, or their names do not show whether they do.
    """
    others = {"report": {"validation": validation, "train": train}, "search": {"train": train}}
    for name, other in others.get(purpose, {}).items():
        shared = overlap(other, test)
        if shared is None:
            raise ValueError(
                f"`data.{name}_split` and `data.test_split` must not share pictures, which their "
                "names must show: give both bounds as numbers from the start, or both in percent. "
                f"Received: data.{name}_split={other!r}, data.test_split={test!r}"
            )
        if shared:
            use = "chooses checkpoints" if name == "validation" else "trains"
            raise ValueError(
                f"`data.test_split` must share no picture with `data.{name}_split`, which {use}: "
                "take a part of the training split, as validation_split='train[95%:]' beside "
                "train_split='train[:95%]', or say by data.purpose what the scores are for. "
                f"Received: data.{name}_split={other!r}, data.test_split={test!r}"
            )


def overlap(one: str, other: str) -> bool | None:
    """Returns whether two splits share images, or None if their names do not show it.

    Args:
      one: a split or a part of one, such as "train" or "train[:5000]".
      other: the same.

    Example:
      >>> overlap("train[:5500]", "train[5500:]"), overlap("train[:5500]", "train[90%:]")
      (False, None)
    """
    (split, *bounds), (other_split, *other_bounds) = _parse(one), _parse(other)
    if split != other_split:
        return False
    if not any(bounds) or not any(other_bounds) or one == other:
        return True
    return _ranges_overlap(bounds, other_bounds)


def _parse(name: str) -> tuple[str, str, str]:
    """Returns the split and the bounds of its part; a name that does not parse is a whole split."""
    match = _PART.match(name)
    if not match:
        return name.partition("[")[0], "", ""
    return match["split"], match["first"], match["last"]


def _ranges_overlap(one: list[str], other: list[str]) -> bool | None:
    """Returns whether two ranges overlap, or None if their bounds are not comparable."""
    (first, last), (other_first, other_last) = one, other
    ends_before = _at_most(last, other_first), _at_most(other_last, first)
    if True in ends_before:
        return False
    return None if None in ends_before else True


def _at_most(end: str, start: str) -> bool | None:
    """Returns whether `end` is at most `start`, or None if they are not comparable."""
    if not end or not start:
        return False
    if end == start:
        return True
    if end.endswith("%") != start.endswith("%") or end.startswith("-") != start.startswith("-"):
        return None
    return int(end.rstrip("%")) <= int(start.rstrip("%"))
