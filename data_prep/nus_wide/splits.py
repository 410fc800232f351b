"""Splits of NUS-WIDE (Sec. 4.2): the paper's sizes, the sizes it prints, or the official lists."""

from collections.abc import Mapping, Sequence

from data_prep.nus_wide.image_list import Photo
from data_prep.seeded_draw import drawn_order

# Sec. 4.2 prints 15,000 and 59,347. We read 15,000 as a misprint of 150,000, because 150,000 and
# 59,347 add up to all labelled images. That is the default; the printed number is a variant.
LABELLED, PAPER_TRAIN, PRINTED_TRAIN, PAPER_TEST = 209_347, 150_000, 15_000, 59_347


def drawn_splits(
    photo_ids: Sequence[str], printed: bool, validation_share: float, seed: int
) -> dict[str, set[str]]:
    """Draws the paper's splits from all labelled photos of the list, with or without a picture.

    The split of a photo is therefore the same in every copy of the set, and missing pictures make
    all splits smaller by about the same share. Both variants have the same test photos. If the list
    differs in length from the official one, the sizes are in proportion.

    Args:
      photo_ids: the labelled photos.
      printed: whether to train on 15,000 photos, as printed, and leave the others unused.
      validation_share: size of the validation split as a share of the training split (our choice;
        the paper names no validation images). The photos are part of the 150,000, or additional to
        the 15,000.
      seed: random seed.

    Returns:
      Split name -> photo ids, without empty splits.
    """
    order = drawn_order(seed, photo_ids)
    num_train = PRINTED_TRAIN if printed else PAPER_TRAIN
    num_test, num_train = (round(n * len(order) / LABELLED) for n in (PAPER_TEST, num_train))
    num_validation = _validation_size(num_train, validation_share)
    first = num_test + num_validation
    last = first + num_train if printed else len(order)
    splits = {"train": order[first:last], "validation": order[num_test:first]}
    return _nonempty({**splits, "test": order[:num_test]})


def official_splits(
    photo_ids: Sequence[str],
    train: Sequence[Photo],
    test: Sequence[Photo],
    validation_share: float,
    seed: int,
) -> dict[str, set[str]]:
    """Returns the labelled photos of the official lists, and draws validation photos.

    Args:
      photo_ids: the labelled photos.
      train: the official training list, 161,789 photos.
      test: the official test list, 107,859 photos.
      validation_share: share of the labelled training photos for validation (our choice).
      seed: random seed of the validation photos.

    Returns:
      Split name -> photo ids, without empty splits.

    Raises:
      ValueError: a photo is in both lists.
    """
    labelled = frozenset(photo_ids)
    train_ids, test_ids = ({photo.photo_id for photo in photos} for photos in (train, test))
    both = sorted(train_ids & test_ids)
    if both:
        raise ValueError(
            "`raw_dir` must hold a training and a test list without a common photo. "
            f"Received: {len(both):,} in both, such as {both[0]}"
        )
    order = drawn_order(seed, train_ids & labelled)
    num_validation = _validation_size(len(order), validation_share)
    splits = {"train": order[num_validation:], "validation": order[:num_validation]}
    return _nonempty({**splits, "test": test_ids & labelled})


def _validation_size(num_train: int, share: float) -> int:
    return max(1, round(num_train * share)) if share else 0


def _nonempty(splits: Mapping[str, Sequence[str] | set[str]]) -> dict[str, set[str]]:
    return {split: set(photo_ids) for split, photo_ids in splits.items() if photo_ids}
