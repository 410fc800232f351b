"""Creation of the records of a split by Apache Beam, on all machines of its runner.

Raw examples and notes are passed by files in a folder that all machines can access, because a
pipeline's description must be small: Dataflow's limit is 10 MB, which 209,347 photos exceed.
"""

import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from os import PathLike, fspath
from typing import Any

from etils import epath

from data_prep.images import read_image
from data_prep.raw_examples import RawExample, RecordResult, make_record
from semreg_tf.data.text import DEFAULT_TOKENIZER, Tokenizer

# Number of raw examples in one file, which one worker reads.
_EXAMPLES_PER_FILE = 1_000
_NOTES = "notes"
Numbered = tuple[tuple[int, int], RawExample]


def pipeline_options(arguments: Iterable[str]) -> Any:
    """Returns Beam's options from `name=value` arguments, in the form of TFDS's command.

    Args:
      arguments: such as `runner=FlinkRunner` and options of that runner; switches have no value.

    Raises:
      ValueError: no runner is named (Beam ignores misspelt options), or Apache Beam is not
        installed.
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
            "`beam_pipeline_options` needs Apache Beam: pip install -c constraints.txt "
            f"-e '.[beam]'. Received: beam_pipeline_options={arguments}"
        ) from None
    return PipelineOptions([f"--{argument}" for argument in arguments])


def write_raw_examples(
    folder: str | PathLike[str], split: str, number: int, raw_examples: Iterable[RawExample]
) -> list[str]:
    """Writes raw examples as JSON Lines, in files of a thousand, and returns the files' paths.

    `number` is the split's index, by which notes are sorted.
    """
    epath.Path(folder).mkdir(parents=True, exist_ok=True)
    paths = []
    for batch in _batches(enumerate(raw_examples), _EXAMPLES_PER_FILE):
        path = epath.Path(folder) / f"{split}-{len(paths):06d}.jsonl"
        lines = (
            json.dumps([number, index, {**asdict(raw), "path": fspath(raw.path)}])
            for index, raw in batch
        )
        path.write_text("\n".join(lines))
        paths.append(fspath(path))
    return paths


def read_raw_examples(path: str) -> Iterator[Numbered]:
    """Yields the examples that `write_raw_examples` wrote, as ((split, index), example)."""
    for line in epath.Path(path).read_text().splitlines():
        number, index, values = json.loads(line)
        tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        yield (number, index), RawExample(**tuples)


def beam_records(
    folder: str | PathLike[str],
    split: str,
    paths: list[str],
    shorter_side: int | None,
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
) -> Any:
    """Returns a Beam transform from a pipeline to (image id, record), which also writes the notes.

    Args:
      folder: the folder of the notes' files.
      split: the split's name, for the file names.
      paths: the files of `write_raw_examples`.
      shorter_side: as for `data_prep.images.read_image`.
      tokenizer: as for `data_prep.raw_examples.make_record`.
    """
    import apache_beam as beam

    notes_prefix = fspath(epath.Path(folder) / f"{_NOTES}-{split}")

    def transform(pipeline: Any) -> Any:
        results = (
            pipeline
            | "Files" >> beam.Create(paths)
            | "SpreadFiles" >> beam.Reshuffle()
            | "RawExamples" >> beam.FlatMap(read_raw_examples)
            | "SpreadRawExamples" >> beam.Reshuffle()
            | "MakeRecords" >> beam.Map(_make_numbered, shorter_side, tokenizer)
        )
        notes = results | "Notes" >> beam.FlatMap(_note_lines)
        _ = notes | "WriteNotes" >> beam.io.WriteToText(notes_prefix)
        return results | "Records" >> beam.FlatMap(_keyed_records)

    return beam.ptransform_fn(transform)()


def read_notes(folder: str | PathLike[str]) -> list[tuple[str, str]]:
    """Returns (reason, name) of all notes of the workers, in the order of the splits."""
    notes = []
    for path in epath.Path(folder).glob(f"{_NOTES}-*"):
        notes += map(json.loads, path.read_text().splitlines())
    return [(reason, name) for _, _, _, reason, name in sorted(notes)]


def _make_numbered(
    numbered: Numbered, shorter_side: int | None, tokenizer: Tokenizer
) -> tuple[tuple[int, int], RecordResult]:
    position, raw = numbered
    return position, make_record(raw, read_image(raw.path, shorter_side), tokenizer)


def _note_lines(numbered: tuple[tuple[int, int], RecordResult]) -> Iterator[str]:
    (split, index), result = numbered
    for number, reason in enumerate(result.notes):
        yield json.dumps([split, index, number, reason, result.raw.file_name])


def _keyed_records(
    numbered: tuple[tuple[int, int], RecordResult],
) -> Iterator[tuple[str, dict[str, Any]]]:
    _, result = numbered
    if result.record is not None:
        yield result.raw.image_id, result.record


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
