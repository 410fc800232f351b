"""Annotations without images: a JSON line per image, in the order of the records."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from os import PathLike
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from semreg_tf.data.atomic_write import read_lines, write_lines
from semreg_tf.data.dataset_digests import ANNOTATIONS_DIR, check_dataset_files
from semreg_tf.data.records import Annotation, open_builder
from semreg_tf.files.json_files import JsonError, parse_json


def write_annotations(builder: tfds.core.DatasetBuilder) -> None:
    """Writes `annotations/<split>.jsonl` beside a builder's shards, without decoding images.

    Line i of a file belongs to record i of the split, with shards in order.
    """
    folder = epath.Path(builder.data_dir) / ANNOTATIONS_DIR
    for split in builder.info.splits:
        write_lines(folder / f"{split}.jsonl", map(_to_line, _read_records(builder, split)))


def read_annotations(builder_dir: str | PathLike[str], split: str) -> list[Annotation]:
    """Reads the annotations of a split of a version folder, in the order of its records.

    Raises:
      ValueError: the split is unknown or empty, or its file is missing, damaged, changed since
        preparation, or not as long as the split.
    """
    splits = open_builder(builder_dir).info.splits
    if split not in splits:
        raise ValueError(
            f"`split` must be one of {', '.join(sorted(splits))}. Received: split={split!r}"
        )
    expected = splits[split].num_examples
    if not expected:
        raise ValueError(f"`split` must hold images: it is empty. Received: split={split!r}")
    path = epath.Path(builder_dir) / ANNOTATIONS_DIR / f"{split}.jsonl"
    if not path.exists():
        raise ValueError(
            "`builder_dir` must hold annotations: run the prepare command again, which finishes "
            f"it. Received: no file {str(path)!r}"
        )
    check_dataset_files(builder_dir, f"{ANNOTATIONS_DIR}/{split}.jsonl")
    lines = read_lines(path)
    annotations = [from_line(line, path, number) for number, line in enumerate(lines, start=1)]
    if len(annotations) != expected:
        raise ValueError(
            f"`builder_dir` must hold one annotation per image: {expected} images of {split!r}. "
            "Delete the file and run the prepare command again. "
            f"Received: {len(annotations)} lines in {str(path)!r}"
        )
    return annotations


def _read_records(builder: tfds.core.DatasetBuilder, split: str) -> Iterator[dict[str, Any]]:
    dataset = builder.as_dataset(
        split=split,
        shuffle_files=False,
        decoders={"image": tfds.decode.SkipDecoding()},
        # Shards one after another, which gives the order of the records.
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
    )
    yield from tfds.as_numpy(dataset)


def _to_line(record: dict[str, Any]) -> str:
    annotation = Annotation(
        image_id=record["image_id"].decode(),
        file_name=record["file_name"].decode(),
        captions=_strings(record["captions"]["text"]),
        tokens=tuple(tuple(t.split(" ")) for t in _strings(record["captions"]["tokens"])),
        labels=_strings(record["labels"]),
        user_tags=_strings(record["user_tags"]),
        groups=_strings(record["groups"]),
    )
    values = asdict(annotation)
    values["tokens"] = [" ".join(tokens) for tokens in annotation.tokens]
    return json.dumps(values, ensure_ascii=False)


def from_line(line: str, path: PathLike[str], number: int) -> Annotation:
    """Returns the annotation of a line; the file and the line's number are for the message."""
    try:
        values = parse_json(line)
        # Interned words need a third of the memory.
        values["tokens"] = tuple(_shared(tokens.split(" ")) for tokens in values["tokens"])
        values["captions"] = tuple(values["captions"])
        for field in ("labels", "user_tags", "groups"):
            values[field] = _shared(values[field])
        return Annotation(**values)
    except (JsonError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            "`builder_dir` must hold whole annotations: delete the file and run the prepare "
            f"command again. Received: {str(path)!r}, line {number}: {line[:60]!r}"
        ) from error


def _shared(words: list[str]) -> tuple[str, ...]:
    return tuple(map(sys.intern, words))


def _strings(values: Any) -> tuple[str, ...]:
    return tuple(value.decode() for value in values)
