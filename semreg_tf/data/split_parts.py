"""Parts of splits in TFDS's syntax, such as "train[:90%]"."""

import tensorflow_datasets as tfds


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
