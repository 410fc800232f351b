"""Checks the rows of an annotation file and joins them to one entry per picture."""

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from data_prep.custom.annotation_file import Row, excerpt
from data_prep.custom.columns import COLUMNS, LIST_COLUMNS, hint_at
from data_prep.custom.findings import Findings
from data_prep.custom.spelling import clean, is_encodable
from data_prep.raw_examples import MAX_CAPTION_WORDS
from semreg_tf.data.text import DEFAULT_TOKENIZER, Tokenizer, tokenize
from semreg_tf.name_hints import closest_name

SPLITS = ("train", "validation", "test")
# Names that other tools use.
_OTHER_SPLITS = {
    **dict.fromkeys(("val", "dev", "valid"), "validation"),
    **dict.fromkeys(("training",), "train"),
    **dict.fromkeys(("testing", "eval"), "test"),
}


@dataclass(frozen=True)
class Entry:
    """The annotations of one picture; `split` is None if none is named."""

    line: int
    file_name: str
    captions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    user_tags: tuple[str, ...] = ()
    split: str | None = None


def read_entries(
    rows: Iterable[Row], findings: Findings, tokenizer: Tokenizer = DEFAULT_TOKENIZER
) -> list[Entry]:
    """Checks rows and joins rows with one caption each of the same picture.

    With the tokenizer "blanks" a caption may be a list of tokens.

    Returns:
      One entry per picture, in the order of the file, without rows that have no file name.
    """
    unknown: dict[str, int] = {}
    entries: dict[str, Entry] = {}
    single: set[str] = set()
    for row in rows:
        _check_columns(row, unknown, findings)
        entry = _entry(_with_joined_tokens(row, tokenizer, findings), tokenizer, findings)
        if entry is None:
            continue
        first = entries.setdefault(entry.file_name, entry)
        if first is entry:
            if "caption" in row.values:
                single.add(entry.file_name)
        elif "caption" in row.values and entry.file_name in single:
            entries[entry.file_name] = _joined(first, entry, findings)
        else:
            findings.problem(
                entry.line,
                "picture twice",
                f"{entry.file_name!r} is on {findings.unit} {first.line} already: give a picture "
                "one line, with all its captions in `captions`, or lines with one `caption` each",
            )
    return list(entries.values())


def _split_hint(name: str) -> str:
    """Returns a hint about a split with a similar name, or an empty string."""
    plain = name.strip().lower()
    other = _OTHER_SPLITS.get(plain) or closest_name(plain, SPLITS)
    return f" Is {other} meant?" if other else ""


def _check_columns(row: Row, unknown: dict[str, int], findings: Findings) -> None:
    for column in row.values:
        if column not in COLUMNS:
            first = unknown.setdefault(column, row.line)
            hint = hint_at(column) if first == row.line else ""
            findings.problem(
                row.line,
                f"unknown column {column!r}",
                f"unknown column {column!r}: columns are {', '.join(COLUMNS)}.{hint}",
            )


def _with_joined_tokens(row: Row, tokenizer: Tokenizer, findings: Findings) -> Row:
    """Returns a row whose captions are texts; with "blanks", lists of tokens are joined."""
    if tokenizer != "blanks":
        return row
    values = dict(row.values)
    if isinstance(values.get("caption"), list):
        values["caption"] = _joined_tokens(row.line, values["caption"], findings)
    if isinstance(values.get("captions"), list):
        values["captions"] = [
            _joined_tokens(row.line, c, findings) if isinstance(c, list) else c
            for c in values["captions"]
        ]
    return Row(row.line, values)


def _joined_tokens(line: int, tokens: list[Any], findings: Findings) -> str:
    bad = next((t for t in tokens if not isinstance(t, str) or len(t.split()) != 1), None)
    if bad is not None:
        findings.problem(
            line,
            "no token",
            "the tokens of a caption must be texts without a blank, none empty. "
            f"Received: {excerpt(bad)}",
        )
        return "?"
    return " ".join(tokens)


def _entry(row: Row, tokenizer: Tokenizer, findings: Findings) -> Entry | None:
    """Returns the usable part of a row, so that its picture is checked despite other problems."""
    file_name = _file_name(row, findings)
    if file_name is None:
        return None
    before = len(findings.problems)
    lists = {column: _texts(row, column, findings) for column in LIST_COLUMNS}
    caption = _caption(row, findings)
    split = _split(row, findings)
    captions = (*lists["captions"], *caption)
    annotated = captions or lists["labels"] or lists["user_tags"]
    if not annotated and len(findings.problems) == before and set(row.values) <= set(COLUMNS):
        findings.problem(
            row.line, "no annotation", f"{file_name!r} has no caption, no label and no user tag"
        )
    for number, text in enumerate(captions, start=1):
        if len(text.split()) > MAX_CAPTION_WORDS:
            findings.warn(
                row.line,
                "caption left out, too long",
                f"caption {number} has {len(text.split()):,} words and is left out: more than "
                f"{MAX_CAPTION_WORDS} are no caption",
            )
        elif not tokenize(text, tokenizer):
            findings.warn(
                row.line,
                "caption left out, no word",
                f"caption {number} has no word and is left out. Received: {excerpt(text)}",
            )
    labels, user_tags = (_once(row, column, lists[column], findings) for column in LIST_COLUMNS[1:])
    return Entry(row.line, file_name, captions, labels, user_tags, split)


def _file_name(row: Row, findings: Findings) -> str | None:
    name = row.values.get("file_name")
    if not isinstance(name, str) or not name.strip():
        received = f"file_name={excerpt(name)}" if "file_name" in row.values else "none"
        findings.problem(
            row.line, "no file name", f"`file_name` must name a picture. Received: {received}"
        )
        return None
    if not is_encodable(row.line, "`file_name`", name, findings):
        return None
    normal = posixpath.normpath(name.strip())
    if normal.startswith(("/", "../")) or normal in (".", ".."):
        findings.problem(
            row.line,
            "file name outside",
            "`file_name` must be a path within the pictures' folder, from that folder on. "
            f"Received: file_name={excerpt(name)}",
        )
        return None
    return normal


def _texts(row: Row, column: str, findings: Findings) -> tuple[str, ...]:
    values = row.values.get(column, [])
    if not isinstance(values, list):
        findings.problem(
            row.line,
            f"`{column}` no list",
            f'`{column}` must be a list of texts: ["...", "..."]. '
            f"Received: {column}={excerpt(values)}",
        )
        return ()
    texts = []
    for number, value in enumerate(values, start=1):
        if not isinstance(value, str):
            tokens = column == "captions" and isinstance(value, list)
            hint = " (or with --tokenizer=blanks a list of tokens)" if tokens else ""
            findings.problem(
                row.line,
                f"`{column}` no text",
                f"number {number} of `{column}` must be a text in double quotes{hint}. "
                f"Received: {excerpt(value)}",
            )
        elif not value.strip():
            findings.problem(
                row.line, f"empty text in `{column}`", f"number {number} of `{column}` is empty"
            )
        elif text := clean(row.line, f"number {number} of `{column}`", column, value, findings):
            texts.append(text)
    return tuple(texts)


def _caption(row: Row, findings: Findings) -> tuple[str, ...]:
    if "caption" not in row.values:
        return ()
    value: Any = row.values["caption"]
    if "captions" in row.values:
        findings.problem(row.line, "both caption columns", "give `caption` or `captions`, not both")
    elif not isinstance(value, str):
        hint = " (a list goes into `captions`)" if isinstance(value, list) else ""
        findings.problem(
            row.line,
            "`caption` no text",
            f"`caption` must be one text{hint}. Received: caption={excerpt(value)}",
        )
    elif not value.strip():
        findings.problem(row.line, "empty text in `caption`", "`caption` is empty")
    elif text := clean(row.line, "`caption`", "caption", value, findings):
        return (text,)
    return ()


def _split(row: Row, findings: Findings) -> str | None:
    split = row.values.get("split")
    if split is None or split in SPLITS:
        return split
    hint = _split_hint(split) if isinstance(split, str) else ""
    findings.problem(
        row.line,
        "unknown split",
        f"`split` must be one of {', '.join(SPLITS)}.{hint} Received: split={excerpt(split)}",
    )
    # A valid split, so that the line is not reported again as one without a split.
    return SPLITS[0]


def _once(row: Row, column: str, names: tuple[str, ...], findings: Findings) -> tuple[str, ...]:
    distinct = tuple(dict.fromkeys(names))
    if len(distinct) < len(names):
        twice = next(name for name in distinct if names.count(name) > 1)
        findings.warn(
            row.line, f"name twice in `{column}`", f"{twice!r} is in `{column}` twice, taken once"
        )
    for name in distinct:
        if column == "user_tags" and "," in name:
            findings.problem(
                row.line,
                "user tag with a comma",
                f"the user tag {name!r} holds a comma, and a model reads a picture's tags as one "
                "text with commas between them: write it without",
            )
        if column == "labels" and any(mark in name for mark in (",", ";", "|")):
            findings.warn(
                row.line,
                "label with a separator in it",
                f"the label {name!r} is one label with a separator in it: cells of a CSV file "
                'part labels by \'|\', JSON by ["a", "b"]',
            )
    return distinct


def _joined(first: Entry, later: Entry, findings: Findings) -> Entry:
    for column in ("labels", "user_tags", "split"):
        ours, theirs = getattr(first, column), getattr(later, column)
        if theirs and theirs != ours:
            findings.problem(
                later.line,
                "lines of a picture differ",
                f"`{column}` of {later.file_name!r} is not what line {first.line} says: "
                f"{excerpt(ours)} there. Received: {column}={excerpt(theirs)}",
            )
    return replace(first, captions=first.captions + later.captions)
