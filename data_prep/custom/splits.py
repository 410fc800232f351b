"""Which picture goes into which split: as the file says, or drawn by seeded shares."""

from collections.abc import Sequence

from data_prep.custom.columns import LIST_COLUMNS
from data_prep.custom.entries import SPLITS, Entry
from data_prep.custom.findings import Findings, some_lines
from data_prep.custom.stratification import stratify
from data_prep.seeded_draw import drawn_order


def check_shares(validation_share: float, test_share: float) -> None:
    """Checks the shares of all pictures that are held out.

    Raises:
      ValueError: a share is negative, or they leave too little to train on.
    """
    if min(validation_share, test_share) < 0 or validation_share + test_share > 0.9:
        raise ValueError(
            "`validation_share` and `test_share` must be 0 or more and leave a tenth of the "
            f"pictures to train on. Received: validation_share={validation_share}, "
            f"test_share={test_share}"
        )


def check_splits(entries: Sequence[Entry], findings: Findings) -> None:
    """Notes a problem where some lines name a split and others do not."""
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
    """Returns the entries of each split that has any.

    Where the file names splits, its word holds. Otherwise pictures are drawn, so that each split
    has every label and every kind of annotation that there are pictures enough of. The draw hangs
    on the seed, the file names and what the pictures bear; the order of the lines does not matter.

    Args:
      entries: one a picture.
      validation_share: the share of pictures that is drawn for validation.
      test_share: the same for the test.
      seed: of the draw.
      findings: where problems go, such as a training split without a picture.

    Returns:
      Entries by split, in the order of `SPLITS`.
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
    """Returns what splits are balanced by: a picture's labels, and which annotations it has."""
    kinds = [("kind", kind) for kind in LIST_COLUMNS if getattr(entry, kind)]
    return kinds + [("label", label) for label in entry.labels]
