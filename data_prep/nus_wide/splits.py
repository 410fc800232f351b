"""The splits of NUS-WIDE (Sec. 4.2): the paper's sizes, the sizes it prints, the official lists."""

from collections.abc import Mapping, Sequence

from data_prep.nus_wide.image_list import Photo
from data_prep.seeded_draw import drawn_order

# Sec. 4.2 prints 15,000 and 59,347; with 150,000 they make up all labelled images, so that is
# meant: the default, and what is printed the variant.
LABELLED, PAPER_TRAIN, PRINTED_TRAIN, PAPER_TEST = 209_347, 150_000, 15_000, 59_347


def drawn_splits(
    photo_ids: Sequence[str], printed: bool, validation_share: float, seed: int
) -> dict[str, set[str]]:
    """Draws the paper's splits among all labelled photos of the list, whether there or lost.

    So a photo is in the same split for everybody, and what the web has lost thins all splits
    alike. The test photos are the same in both variants. Where the list has another length than
    the official one, the sizes shrink or grow with it.

    Args:
      photo_ids: the labelled photos.
      printed: train on 15,000, as printed; the rest is unused.
      validation_share: held out to validate, as a share of the training size (ours: the paper
        names no validation images): from the 150,000, but beside the 15,000.
      seed: of the draw.

    Returns:
      The photo ids of each split that has any.
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
    """Returns the labelled photos of the official lists, a share of the training held out.

    Args:
      photo_ids: the labelled photos.
      train: the official training list, 161,789 photos.
      test: the official test list, 107,859.
      validation_share: of the labelled training photos (ours).
      seed: of the draw of the validation photos.

    Returns:
      The photo ids of each split that has any.

    Raises:
      ValueError: a photo is in both lists.
    """
    labelled = frozenset(photo_ids)
    train_ids, test_ids = ({photo.photo_id for photo in photos} for photos in (train, test))
    both = sorted(train_ids & test_ids)
    if both:
        raise ValueError(
            "`raw_dir` must hold a training and a test list without a common photo. "
            f"Received: {len(both):,} in both, {both[0]} among them"
        )
    order = drawn_order(seed, train_ids & labelled)
    num_validation = _validation_size(len(order), validation_share)
    splits = {"train": order[num_validation:], "validation": order[:num_validation]}
    return _nonempty({**splits, "test": test_ids & labelled})


def _validation_size(num_train: int, share: float) -> int:
    return max(1, round(num_train * share)) if share else 0


def _nonempty(splits: Mapping[str, Sequence[str] | set[str]]) -> dict[str, set[str]]:
    return {split: set(photo_ids) for split, photo_ids in splits.items() if photo_ids}
