"""The same over Apache Beam, for collections beyond one machine. Needs the extra `beam`."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.utils.shared import Shared

from semreg_tf.annotating.answer_file import answer_row, json_line
from semreg_tf.annotating.captioned_copy import captioned_jpeg, unique_copy_name
from semreg_tf.annotating.collection import model_id
from semreg_tf.annotating.csv_answers import HEADER, csv_line
from semreg_tf.annotating.photo_words import words_of
from semreg_tf.annotating.picture_list import Picture
from semreg_tf.annotating.sidecars import SUFFIX, packet_merger
from semreg_tf.inference import ExportedModel, load

_COUNTS = "semreg_tf"
UNCOMPRESSED = CompressionTypes.UNCOMPRESSED


def annotate_on_beam(
    model_path: str,
    pictures: Sequence[Picture],
    answers: str,
    options: Sequence[str],
    copies: str | None = None,
    font: str | None = None,
    batch_size: int = 32,
    answers_format: str = "jsonl",
) -> dict[str, int]:
    """Annotates pictures with a Beam runner and waits for it.

    Args:
      model_path: the export; every worker must reach it there.
      pictures: files, or patterns that Beam's file systems match, such as `gs://bucket/*.jpg`.
      answers: beginning of the answers' names; each worker writes `ANSWERS-00000-of-00008.jsonl`.
      options: of Beam, such as `--runner=FlinkRunner`.
      copies: folder of copies with captions, or None.
      font: file of their font on every worker; None: Pillow's own.
      batch_size: pictures at once, at most.
      answers_format: "csv"; or "xmp" for a sidecar beside each picture and JSON Lines; anything
        else: JSON Lines alone.

    Returns:
      How many pictures were `annotated` and how many are `unreadable`, whose answers hold an
      `error`; empty where the runner keeps no counts.
    """
    as_csv = answers_format == "csv"
    if answers_format == "xmp":
        packet_merger()
    pipeline = beam.Pipeline(options=PipelineOptions(list(options)))
    (
        pipeline
        | beam.Create([(p.path, p.user_tags) for p in pictures])
        | "Match" >> beam.FlatMap(_match)
        # Otherwise a runner may fuse all of one pattern onto one worker.
        | beam.Reshuffle()
        | beam.BatchElements(min_batch_size=1, max_batch_size=batch_size)
        | "Annotate" >> beam.ParDo(_Annotate(model_path, copies, font, answers_format == "xmp"))
        | beam.Map(csv_line if as_csv else json_line)
        | beam.io.WriteToText(
            answers,
            file_name_suffix=".csv" if as_csv else ".jsonl",
            header=HEADER if as_csv else None,
        )
    )
    result = pipeline.run()
    result.wait_until_finish()
    counts = result.metrics().query(beam.metrics.MetricsFilter().with_namespace(_COUNTS))
    return {x.key.metric.name: x.committed for x in counts["counters"]}


def _match(element: tuple[str, str | None]) -> Iterator[tuple[str, str | None]]:
    pattern, tags = element
    found = FileSystems.match([pattern])[0].metadata_list
    # What is not there is told when it cannot be opened.
    yield from ((x.path, tags) for x in found) if found else [element]


class _Annotate(beam.DoFn):
    """Batches of (path, user tags) to answers. A process holds the model once."""

    def __init__(
        self, model_path: str, copies: str | None, font: str | None, sidecars: bool
    ) -> None:
        super().__init__()
        self._path, self._copies, self._font = model_path, copies, font
        self._sidecars = sidecars
        self._shared = Shared()
        self._annotated = beam.metrics.Metrics.counter(_COUNTS, "annotated")
        self._unreadable = beam.metrics.Metrics.counter(_COUNTS, "unreadable")

    def setup(self) -> None:
        self._model: ExportedModel = self._shared.acquire(lambda: load(self._path), self._path)

    def process(self, batch: list[tuple[str, str | None]]) -> Iterable[dict[str, Any]]:
        pictures, files = [Picture(*element) for element in batch], []
        for picture in pictures:
            try:
                with FileSystems.open(picture.path) as file:
                    files.append(file.read())
            except (OSError, BeamIOError) as error:
                files.append(str(error))
        readable = [i for i, file in enumerate(files) if isinstance(file, bytes)]
        tags = [pictures[i].user_tags for i in readable]
        given = [x or "" for x in tags] if any(x is not None for x in tags) else None
        found = self._model.annotate([files[i] for i in readable], given, len(batch))
        answers = dict(zip(readable, found, strict=True))
        for i, (picture, file) in enumerate(zip(pictures, files, strict=True)):
            yield self._row(picture, file, answers.get(i))

    def _row(self, picture: Picture, file: Any, annotation: Any) -> dict[str, Any]:
        own = model_id(self._model)
        error = file if annotation is None else annotation.error
        if error is not None:
            self._unreadable.inc()
            # The model was given bytes and does not know their name.
            told = error.removesuffix("bytes")
            told = told + picture.path if told != error else error
            return {"file": picture.path, "model": own, "error": told}
        self._annotated.inc()
        copy = None
        if self._copies is not None:
            copy = FileSystems.join(self._copies, unique_copy_name(picture.path))
            with FileSystems.create(copy, mime_type="image/jpeg") as target:
                target.write(captioned_jpeg(file, annotation.text, self._font))
        row = answer_row(picture, annotation, own, copy)
        if self._sidecars:
            row |= self._write_sidecar(row)
        return row

    def _write_sidecar(self, row: dict[str, Any]) -> dict[str, str]:
        """Writes or merges a sidecar; returns what the answer says of one that is no XMP.

        In a bucket a name without the picture's own suffix could be another picture's, and a list
        of the folder is no small thing, so that the longer name is taken.
        """
        path, existing = row["file"] + SUFFIX, None
        if FileSystems.exists(path):
            with FileSystems.open(path, compression_type=UNCOMPRESSED) as file:
                existing = file.read()
        try:
            packet = packet_merger()(existing, words_of(row, self._model.words_shown_last))
        except ValueError as error:
            return {"sidecar_error": f"{path} was left as it is: {error}"}
        if packet != existing:
            partial = path + ".partial"
            with FileSystems.create(partial, compression_type=UNCOMPRESSED) as target:
                target.write(packet)
            FileSystems.rename([partial], [path])
        return {}
