"""Assignment of pictures to splits, by the file or at random by seed and shares."""

from collections.abc import Sequence

from data_prep.custom.columns import LIST_COLUMNS
from data_prep.custom.entries import SPLITS, Entry
from data_prep.custom.findings import Findings, some_lines
from data_prep.custom.stratification import stratify
from data_prep.seeded_draw import drawn_order


def check_shares(validation_share: float, test_share: float) -> None:
    """Checks the fractions of pictures for validation and test.

    Raises:
      ValueError: a share is negative, or less than a tenth remains for training.
    """
    if min(validation_share, test_share) < 0 or validation_share + test_share > 0.9:
        raise ValueError(
            "`validation_share` and `test_share` must be 0 or more and leave a tenth of the "
            f"pictures to train on. Received: validation_share={validation_share}, "
            f"test_share={test_share}"
        )


def check_splits(entries: Sequence[Entry], findings: Findings) -> None:
    """Adds a problem if some lines name a split and others do not."""
    without = sorted(entry.line for entry in entries if entry.split is None)
    named = sorted(entry.line for entry in entries if entry.split is not None)
    if without and named:
        findings.problem(
            without[0],
            "no split",
            f"give every line a `split`, or none: {len(named):,} lines have one "
            f"({some_lines(named)}), {len(without):,} have none ({some_lines(without)})",
        )


def assign_splits(
    entries: Sequence[Entry],
    validation_share: float,
    test_share: float,
    seed: int,
    findings: Findings,
) -> dict[str, list[Entry]]:
    """Returns split -> its entries, of each non-empty split in the order of `SPLITS`.

    If the file names splits, they are used. Otherwise pictures are assigned at random, such that
    each split has every label and every kind of annotation with enough pictures. The assignment
    depends on the seed, the file names and the annotations, but not on the order of lines. An empty
    training split is a problem.
    """
    if any(entry.split for entry in entries):
        splits = {name: [e for e in entries if e.split == name] for name in SPLITS}
        if not splits["train"]:
            findings.problem(
                entries[0].line, "no training", "no line has the split 'train': nothing to learn"
            )
    else:
        by_name = {entry.file_name: entry for entry in entries}
        num_test, num_validation = (
            max(1, round(share * len(entries))) if share else 0
            for share in (test_share, validation_share)
        )
        num_train = len(entries) - num_test - num_validation
        if entries and num_train <= 0:
            findings.problem(
                entries[0].line,
                "no training",
                f"{len(entries)} pictures are too few for three splits: set the shares to 0, or "
                "name the splits in the file",
            )
            return {"train": list(entries)}
        sizes = dict(zip(SPLITS, (num_train, num_validation, num_test), strict=True))
        names_of = {name: _names(entry) for name, entry in by_name.items()}
        drawn = stratify(names_of, sizes, drawn_order(seed, by_name))
        splits = {split: [by_name[name] for name in names] for split, names in drawn.items()}
    return {name: members for name, members in splits.items() if members}


def _names(entry: Entry) -> list[tuple[str, str]]:
    """Returns the properties that are balanced: a picture's labels and kinds of annotations."""
    kinds = [("kind", kind) for kind in LIST_COLUMNS if getattr(entry, kind)]
    return kinds + [("label", label) for label in entry.labels]
