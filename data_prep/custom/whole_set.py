"""Warnings about a set of annotations as a whole."""

import collections
import itertools
from collections.abc import Mapping, Sequence

from data_prep.custom.entries import Entry
from data_prep.custom.findings import Findings, some_lines
from semreg_tf.data.text import DEFAULT_TOKENIZER, Tokenizer, is_punctuation, tokenize
from semreg_tf.text.cleaning import LETTER_WITHOUT_BLANKS, look_alike_key

# Labels with fewer training pictures are reported, because models hardly learn them (ours).
FEW_PICTURES = 5
_SHOWN_LABELS = 5


def warn_of_the_whole(
    splits: Mapping[str, Sequence[Entry]],
    findings: Findings,
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
) -> None:
    """Warns about missing splits, kinds of annotations and labels."""
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
                f"({findings.unit}s {some_lines([entry.line for entry in without])})",
                tuple(entry.file_name for entry in without),
            )
    _warn_of_bare_splits(splits, findings)
    _warn_of_long_words(entries, tokenizer, findings)
    _warn_of_labels(splits, findings)
    _warn_of_rare_labels(splits, findings)


def describe_set(
    splits: Mapping[str, Sequence[Entry]], tokenizer: Tokenizer = DEFAULT_TOKENIZER
) -> str:
    """Returns the numbers of pictures and annotations as one line."""
    entries = [entry for members in splits.values() for entry in members]
    parts = ", ".join(f"{split} {len(members):,}" for split, members in splits.items())
    labels = {label for entry in entries for label in entry.labels}
    captions = [caption for entry in entries for caption in entry.captions]
    words = f" of {_mean_words(captions, tokenizer):.1f} words on average" if captions else ""
    return (
        f"{len(entries):,} pictures ({parts}), {len(captions):,} captions{words}, "
        f"{len(labels):,} different labels on {sum(bool(e.labels) for e in entries):,} pictures, "
        f"user tags on {sum(bool(e.user_tags) for e in entries):,}"
    )


def _mean_words(captions: Sequence[str], tokenizer: Tokenizer) -> float:
    tokens = (t for caption in captions for t in tokenize(caption, tokenizer))
    return sum(not is_punctuation(t) for t in tokens) / len(captions)


def _warn_of_bare_splits(splits: Mapping[str, Sequence[Entry]], findings: Findings) -> None:
    """Warns about splits without a kind of annotation that other splits have."""
    tasks = (("captions", "captions"), ("labels", "tags"), ("user_tags", "user tags"))
    for column, task in tasks:
        bare = [n for n, members in splits.items() if not any(getattr(e, column) for e in members)]
        if bare and len(bare) < len(splits):
            names = " and ".join(map(repr, bare))
            findings.warn(
                0,
                f"split without {column}",
                f"no picture of {names} has {column}: {task} can be neither trained nor scored "
                "there",
                tuple(e.file_name for n in bare for e in splits[n]),
            )


def _warn_of_long_words(entries: Sequence[Entry], tokenizer: Tokenizer, findings: Findings) -> None:
    """Warns about captions in scripts without blanks, whose sentences would be one word."""
    if tokenizer in ("characters", "blanks"):
        return
    unparted = [
        (entry, caption)
        for entry in entries
        for caption in entry.captions
        if 2 * len(LETTER_WITHOUT_BLANKS.findall(caption)) > len(caption.replace(" ", ""))
    ]
    if unparted:
        captions = [caption for _, caption in unparted]
        findings.warn(
            0,
            "captions in a script without blanks",
            f"{len(captions):,} captions are in a script written without blanks between words and "
            f"have {_mean_words(captions, tokenizer):.1f} words on average (the first on "
            f"{findings.unit} {unparted[0][0].line}): part them by blanks with a segmenter and "
            "give --tokenizer=blanks, or let each letter be a word with --tokenizer=characters",
            tuple(dict.fromkeys(entry.file_name for entry, _ in unparted)),
        )


def _warn_of_labels(splits: Mapping[str, Sequence[Entry]], findings: Findings) -> None:
    lines: dict[str, int] = {}
    for entry in sorted(itertools.chain(*splits.values()), key=lambda entry: entry.line):
        for label in entry.labels:
            lines.setdefault(label, entry.line)
    by_look: dict[str, str] = {}
    for label in lines:
        other = by_look.setdefault(look_alike_key(label), label)
        if other != label:
            findings.warn(
                lines[label],
                "labels alike",
                f"{label!r} and {other!r} on {findings.unit} {lines[other]} are two labels: spell "
                "them alike if one is meant",
            )
    trained = {label for entry in splits.get("train", ()) for label in entry.labels}
    for label in sorted(set(lines) - trained):
        findings.warn(
            lines[label], "label never trained", f"no picture of 'train' has the label {label!r}"
        )


def _warn_of_rare_labels(splits: Mapping[str, Sequence[Entry]], findings: Findings) -> None:
    """Warns about labels with few training pictures, and per split about missing labels."""
    counts = {
        split: collections.Counter(label for entry in members for label in entry.labels)
        for split, members in splits.items()
    }
    trained = counts.get("train", collections.Counter())
    rare = sorted((n, label) for label, n in trained.items() if n < FEW_PICTURES)
    if rare:
        _warn_of_many(
            "label on few pictures",
            [f"{label!r} ({n})" for n, label in rare],
            f"are on fewer than {FEW_PICTURES} pictures of 'train': a model hardly learns them",
            findings,
        )
    for split in sorted(counts.keys() - {"train"}):
        lacking = [repr(label) for label in sorted(trained) if not counts[split][label]]
        if lacking:
            _warn_of_many(
                f"label not in '{split}'",
                lacking,
                f"are on no picture of {split!r}: nothing is known of them there",
                findings,
            )


def _warn_of_many(kind: str, labels: list[str], what: str, findings: Findings) -> None:
    shown = ", ".join(labels[:_SHOWN_LABELS]) + (", ..." if len(labels) > _SHOWN_LABELS else "")
    findings.warn(0, kind, f"{len(labels):,} labels {what} ({shown})", tuple(labels))
