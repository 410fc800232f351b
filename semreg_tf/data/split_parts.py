"""Parts of splits, in TFDS's slicing: which records they are, and how many."""

import tensorflow_datasets as tfds


def num_images(builder: tfds.core.DatasetBuilder, name: str) -> int:
    """Returns how many images a split, or a part of one, has.

    Raises:
      ValueError: the split is unknown, or its slice cannot be read.
    """
    whole, first, last = slice_of(builder, name)
    if whole not in builder.info.splits:
        raise ValueError(
            f"`split` must be one of {', '.join(sorted(builder.info.splits))}. "
            f"Received: split={name!r}"
        )
    return len(range(builder.info.splits[whole].num_examples)[first:last])


def slice_of(builder: tfds.core.DatasetBuilder, name: str) -> tuple[str, int, int | None]:
    """Returns the split that a name denotes, its first record and the one after its last."""
    if "[" not in name:
        return name, 0, None
    known = builder.info.splits
    try:
        (part,) = tfds.core.ReadInstruction.from_spec(name).to_absolute(known)
    except (ValueError, AssertionError, AttributeError) as error:
        raise ValueError(
            f"`split` must be one of {', '.join(sorted(known))}, or a part of one such as "
            f"'train[:90%]'. Received: split={name!r}"
        ) from error
    return part.splitname, part.from_ or 0, part.to
