"""Parts of splits in TFDS's syntax: their records and number of images."""

import tensorflow_datasets as tfds


def num_images(builder: tfds.core.DatasetBuilder, name: str) -> int:
    """Returns the number of images of a split, or of a part of one.

    Raises:
      ValueError: the split is unknown, or its slice cannot be parsed.
    """
    whole, first, last = slice_of(builder, name)
    if whole not in builder.info.splits:
        raise ValueError(
            f"`split` must be one of {', '.join(sorted(builder.info.splits))}. "
            f"Received: split={name!r}"
        )
    return len(range(builder.info.splits[whole].num_examples)[first:last])


def slice_of(builder: tfds.core.DatasetBuilder, name: str) -> tuple[str, int, int | None]:
    """Returns the split of a name, its first record, and the record after its last or None."""
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
