"""The published counts of NUS-WIDE beside those of the raw files, which shows a wrong set."""

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
    """Counts the images, labels and tags of the raw files, including images without a picture.

    The mean numbers of labels and tags per image are over the images with a label (our reading; the
    paper does not say which images).

    Returns:
      The counts under the names of `PUBLISHED`, `num_pictures` (of images with a label) and the
      source of the tags.
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
    """Returns a table of the counts, with the published counts beside them."""
    lines = [f"{'in the raw files':<36}{'found':>12}{'published':>12}"]
    for name, value in counts.items():
        if name in PUBLISHED:
            pair = _number(value), _number(PUBLISHED[name])
            lines.append(f"{name:<36}{pair[0]:>12}{pair[1]:>12}")
        else:
            lines.append(f"{name:<36}{_number(value):>12}".rstrip())
    return "\n".join(lines)


def shown(names: Sequence[str], number: int = 3) -> str:
    """Returns the first `number` names as text."""
    return ", ".join(names[:number]) + (", ..." if len(names) > number else "")


def _number(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"
