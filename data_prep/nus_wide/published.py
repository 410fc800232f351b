"""The published counts of NUS-WIDE beside what the raw files hold, so a wrong set is seen."""

import collections
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data_prep.nus_wide.raw_set import RawSet
from data_prep.nus_wide.splits import LABELLED

_KEPT_TAGS = 1_000
# Chua et al. (CIVR 2009) and the paper, Sec. 4.1.
PUBLISHED = {
    "images": 269_648,
    "labels": 81,
    "images with a label": LABELLED,
    "labels an image": 2.4,
    "images of sky": 74_190,
    "images of map": 60,
    "different user tags": 5_018,
    "user tags an image": 8.73,
    f"user tags an image, {_KEPT_TAGS:,} kept": 6.10,
}


def count_raw_set(raw_set: RawSet, num_pictures: int) -> dict[str, Any]:
    """Counts the raw files, lost pictures included.

    Labels and tags an image are means over the images with a label (ours: the paper does not say
    over which).

    Args:
      raw_set: the rows of the image list.
      num_pictures: how many images with a label have a picture.

    Returns:
      Counts by the names of `PUBLISHED`, and two more: the source of the tags, and the pictures.
    """
    labelled = np.flatnonzero(raw_set.labels.any(axis=1))
    tags = [raw_set.user_tags[row] for row in labelled]
    num_images = max(len(labelled), 1)
    frequencies = collections.Counter(tag for image_tags in tags for tag in image_tags)
    num_kept = sum(count for _, count in frequencies.most_common(_KEPT_TAGS))
    of_concept = dict(zip(raw_set.concepts, raw_set.labels.sum(axis=0).tolist(), strict=True))
    return {
        "images": len(raw_set.photos),
        "labels": len(raw_set.concepts),
        "images with a label": len(labelled),
        "labels an image": int(raw_set.labels.sum()) / num_images,
        "images of sky": of_concept.get("sky", 0),
        "images of map": of_concept.get("map", 0),
        "different user tags": len({tag for image_tags in raw_set.user_tags for tag in image_tags}),
        "user tags an image": sum(frequencies.values()) / num_images,
        f"user tags an image, {_KEPT_TAGS:,} kept": num_kept / num_images,
        "pictures of images with a label": num_pictures,
        "user tags from": raw_set.tag_source,
    }


def describe_raw_counts(counts: Mapping[str, Any]) -> str:
    """Returns the counts as a table, what is published beside what was found."""
    lines = [f"{'in the raw files':<36}{'found':>12}{'published':>12}"]
    for name, value in counts.items():
        if name in PUBLISHED:
            pair = _number(value), _number(PUBLISHED[name])
            lines.append(f"{name:<36}{pair[0]:>12}{pair[1]:>12}")
        else:
            lines.append(f"{name:<36}{_number(value):>12}".rstrip())
    return "\n".join(lines)


def shown(names: Sequence[str], number: int = 3) -> str:
    """Returns the first few names."""
    return ", ".join(names[:number]) + (", ..." if len(names) > number else "")


def _number(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"
