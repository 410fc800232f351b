"""Whether two splits of a data set, or parts of splits, can hold the same picture."""

import re

# TFDS's slicing: "train[:5000]", "train[90%:]", "train[-500:]".
_PART = re.compile(r"^(?P<split>[^\[\]]+)\[(?P<first>-?[\d_]*%?):(?P<last>-?[\d_]*%?)\]$")


def check_splits(train: str, validation: str, test: str, purpose: str) -> None:
    """Refuses a test split whose pictures were trained on or chose the checkpoint.

    Args:
      train: the split that trains.
      validation: the split that chooses checkpoints.
      test: the split that scores are reported on.
      purpose: of `DataConfig.purpose`: "report" allows no overlap, "search" one with the
        validation split, "fit" any.

    Raises:
      ValueError: two splits overlap, or that they do not cannot be told from their names.
    """
    others = {"report": {"validation": validation, "train": train}, "search": {"train": train}}
    for name, other in others.get(purpose, {}).items():
        shared = overlap(other, test)
        if shared is None:
            raise ValueError(
                f"`data.{name}_split` and `data.test_split` must be told apart by their names: "
                "give both bounds in pictures counted from the start, or both in percent. "
                f"Received: data.{name}_split={other!r}, data.test_split={test!r}"
            )
        if shared:
            what = "chooses checkpoints" if name == "validation" else "trains"
            raise ValueError(
                f"`data.test_split` must share no picture with `data.{name}_split`, which {what}: "
                "take a part of the training split, as validation_split='train[95%:]' beside "
                "train_split='train[:95%]', or say by data.purpose what the scores are for. "
                f"Received: data.{name}_split={other!r}, data.test_split={test!r}"
            )


def overlap(one: str, other: str) -> bool | None:
    """Returns whether two splits share pictures; None where their names do not tell.

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
    """Returns the split and the bounds of its part; a name that cannot be read is a whole split."""
    found = _PART.match(name)
    if not found:
        return name.partition("[")[0], "", ""
    return found["split"], found["first"], found["last"]


def _ranges_overlap(one: list[str], other: list[str]) -> bool | None:
    """Compares parts bound by bound, whatever units the bounds that do not meet have."""
    (first, last), (other_first, other_last) = one, other
    ends_before = _at_most(last, other_first), _at_most(other_last, first)
    if True in ends_before:
        return False
    return None if None in ends_before else True


def _at_most(end: str, start: str) -> bool | None:
    """Returns whether a part that ends at `end` ends before one that begins at `start`."""
    if not end or not start:
        return False
    if end == start:
        return True
    if end.endswith("%") != start.endswith("%") or end.startswith("-") != start.startswith("-"):
        return None
    return int(end.rstrip("%")) <= int(start.rstrip("%"))
