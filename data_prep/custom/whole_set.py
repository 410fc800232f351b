"""What may be a mistake in a set of annotations as a whole, though no line is wrong."""

from collections.abc import Mapping, Sequence

from data_prep.custom.entries import Entry
from data_prep.custom.findings import Findings, some_lines


def warn_of_the_whole(splits: Mapping[str, Sequence[Entry]], findings: Findings) -> None:
    """Warns of splits, kinds of annotations and labels that will be missed in training.

    Args:
      splits: the entries of each split that has any.
      findings: where the warnings go.
    """
    entries = [entry for members in splits.values() for entry in members]
    if "validation" not in splits:
        findings.warn(
            0,
            "no validation",
            "no picture is in the split 'validation', by which the experiments choose their best "
            "weights: name some, or train with --config.data.validation_split=train",
            ("all",),
        )
    for column in ("captions", "labels"):
        without = [entry for entry in entries if not getattr(entry, column)]
        if without and len(without) < len(entries):
            findings.warn(
                0,
                f"pictures without {column}",
                f"{len(without):,} of {len(entries):,} pictures have no {column} "
                f"(lines {some_lines([entry.line for entry in without])})",
                tuple(entry.file_name for entry in without),
            )
    _warn_of_labels(splits, findings)


def describe_set(splits: Mapping[str, Sequence[Entry]]) -> str:
    """Returns in one line how many pictures and annotations there are."""
    entries = [entry for members in splits.values() for entry in members]
    parts = ", ".join(f"{split} {len(members):,}" for split, members in splits.items())
    labels = {label for entry in entries for label in entry.labels}
    return (
        f"{len(entries):,} pictures ({parts}), {sum(len(e.captions) for e in entries):,} captions, "
        f"{len(labels):,} different labels on {sum(bool(e.labels) for e in entries):,} pictures, "
        f"user tags on {sum(bool(e.user_tags) for e in entries):,}"
    )


def _warn_of_labels(splits: Mapping[str, Sequence[Entry]], findings: Findings) -> None:
    lines: dict[str, int] = {}
    for members in splits.values():
        for entry in members:
            for label in entry.labels:
                lines[label] = min(lines.get(label, entry.line), entry.line)
    by_lower: dict[str, str] = {}
    for label in sorted(lines, key=lines.__getitem__):
        other = by_lower.setdefault(label.lower(), label)
        if other != label:
            findings.warn(
                lines[label],
                "labels alike",
                f"{label!r} and {other!r} on line {lines[other]} are two labels: spell them alike "
                "if one is meant",
            )
    trained = {label for entry in splits.get("train", ()) for label in entry.labels}
    for label in sorted(set(lines) - trained):
        findings.warn(
            lines[label], "label never trained", f"no picture of 'train' has the label {label!r}"
        )
