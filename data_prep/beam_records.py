"""The records of a split made by Apache Beam, on as many machines as its runner has.

The raw examples and the notes go through files in a folder that all machines reach, since a
pipeline's own description must stay small: Dataflow takes 10 MB, and 209,347 photos have more.
"""

import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from os import PathLike, fspath
from typing import Any

from etils import epath

from data_prep.images import read_image
from data_prep.raw_examples import MadeRecord, RawExample, make_record
from semreg_tf.data.text import DEFAULT_TOKENIZER, Tokenizer

# Raw examples in one file: the unit that is handed to a worker to read.
_EXAMPLES_PER_FILE = 1_000
_NOTES = "notes"
Numbered = tuple[tuple[int, int], RawExample]


def pipeline_options(arguments: Iterable[str]) -> Any:
    """Returns Beam's options of `name=value` arguments, as TFDS's own command takes them.

    Args:
      arguments: `runner=FlinkRunner` and what that runner takes; a name alone for a switch.

    Raises:
      ValueError: no runner is named (Beam itself would pass over a misspelt one), or Apache Beam
        is not installed.
    """
    arguments = [argument.removeprefix("--") for argument in arguments]
    if not any(argument.startswith("runner=") for argument in arguments):
        raise ValueError(
            "`beam_pipeline_options` must name a runner: runner=DirectRunner, FlinkRunner, "
            f"SparkRunner or DataflowRunner. Received: beam_pipeline_options={arguments}"
        )
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError:
        raise ValueError(
            "`beam_pipeline_options` needs Apache Beam: pip install -e '.[beam]'. "
            f"Received: beam_pipeline_options={arguments}"
        ) from None
    return PipelineOptions([f"--{argument}" for argument in arguments])


def write_raw_examples(
    folder: str | PathLike[str], split: str, number: int, raw_examples: Iterable[RawExample]
) -> list[str]:
    """Writes raw examples as JSON lines, in files of a thousand.

    Args:
      folder: where all machines can read them.
      split: of the files' names.
      number: the split's place, kept with each example so that notes can be put in order.
      raw_examples: the examples.

    Returns:
      The files.
    """
    epath.Path(folder).mkdir(parents=True, exist_ok=True)
    paths = []
    for batch in _batches(enumerate(raw_examples), _EXAMPLES_PER_FILE):
        path = epath.Path(folder) / f"{split}-{len(paths):06d}.jsonl"
        lines = (
            json.dumps([number, place, {**asdict(raw), "path": fspath(raw.path)}])
            for place, raw in batch
        )
        path.write_text("\n".join(lines))
        paths.append(fspath(path))
    return paths


def read_raw_examples(path: str) -> Iterator[Numbered]:
    """Yields what `write_raw_examples` wrote: ((split, place), example)."""
    for line in epath.Path(path).read_text().splitlines():
        number, place, values = json.loads(line)
        tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        yield (number, place), RawExample(**tuples)


def beam_records(
    folder: str | PathLike[str],
    split: str,
    paths: list[str],
    shorter_side: int | None,
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
) -> Any:
    """Returns a Beam transform that makes keys and records, and writes the notes as files.

    Args:
      folder: where the notes go.
      split: of the notes' names.
      paths: files of `write_raw_examples`.
      shorter_side: as in `data_prep.images.read_image`.
      tokenizer: as in `data_prep.raw_examples.make_record`.

    Returns:
      A transform from a pipeline to (image id, record).
    """
    import apache_beam as beam

    notes_prefix = fspath(epath.Path(folder) / f"{_NOTES}-{split}")

    def make(pipeline: Any) -> Any:
        made = (
            pipeline
            | "Files" >> beam.Create(paths)
            | "SpreadFiles" >> beam.Reshuffle()
            | "RawExamples" >> beam.FlatMap(read_raw_examples)
            | "SpreadRawExamples" >> beam.Reshuffle()
            | "MakeRecords" >> beam.Map(_make_numbered, shorter_side, tokenizer)
        )
        notes = made | "Notes" >> beam.FlatMap(_note_lines)
        _ = notes | "WriteNotes" >> beam.io.WriteToText(notes_prefix)
        return made | "Records" >> beam.FlatMap(_keyed_records)

    return beam.ptransform_fn(make)()


def read_notes(folder: str | PathLike[str]) -> list[tuple[str, str]]:
    """Returns (reason, name) of all notes that the workers wrote, in the order of the splits."""
    notes = []
    for path in epath.Path(folder).glob(f"{_NOTES}-*"):
        notes += map(json.loads, path.read_text().splitlines())
    return [(reason, name) for _, _, _, reason, name in sorted(notes)]


def _make_numbered(
    numbered: Numbered, shorter_side: int | None, tokenizer: Tokenizer
) -> tuple[tuple[int, int], MadeRecord]:
    place, raw = numbered
    return place, make_record(raw, read_image(raw.path, shorter_side), tokenizer)


def _note_lines(made: tuple[tuple[int, int], MadeRecord]) -> Iterator[str]:
    (split, place), record = made
    for number, reason in enumerate(record.notes):
        yield json.dumps([split, place, number, reason, record.raw.file_name])


def _keyed_records(
    made: tuple[tuple[int, int], MadeRecord],
) -> Iterator[tuple[str, dict[str, Any]]]:
    _, record = made
    if record.record is not None:
        yield record.raw.image_id, record.record


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
