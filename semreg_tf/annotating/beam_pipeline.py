"""Annotating a collection on several machines with Apache Beam. Needs the extra `beam`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class BeamJob:
    """Paths and settings of a collection to annotate; every worker must reach the paths.

    Attributes:
      model_path: the export.
      answers: prefix of the answers' file names; each worker writes `PREFIX-00000-of-00008.jsonl`.
      copies: folder of the copies with captions, or None.
      font: file of the copies' font; None: Pillow's font.
      batch_size: most pictures in a batch.
      answers_format: "csv"; "xmp" for JSON Lines and a sidecar beside each picture; anything else:
        JSON Lines.
    """

    model_path: str
    answers: str
    copies: str | None = None
    font: str | None = None
    batch_size: int = 32
    answers_format: str = "jsonl"


def annotate_on_beam(
    job: BeamJob, pictures: Sequence[Picture], options: Sequence[str]
) -> dict[str, int]:
    """Annotates pictures with a Beam runner and waits until it has finished.

    Args:
      job: paths and settings.
      pictures: files, or patterns that Beam's file systems match, such as `gs://bucket/*.jpg`.
      options: Beam's options, such as `--runner=FlinkRunner`.

    Returns:
      The number of pictures that were `annotated` and that were `unreadable`, whose answers have an
      `error`; empty if the runner keeps no counts.
    """
    as_csv = job.answers_format == "csv"
    if job.answers_format == "xmp":
        packet_merger()
    pipeline = beam.Pipeline(options=PipelineOptions(list(options)))
    (
        pipeline
        | beam.Create([(p.path, p.user_tags) for p in pictures])
        | "Match" >> beam.FlatMap(_match)
        # Otherwise a runner may run all files of one pattern on one worker.
        | beam.Reshuffle()
        | beam.BatchElements(min_batch_size=1, max_batch_size=job.batch_size)
        | "Annotate" >> beam.ParDo(_Annotate(job))
        | beam.Map(csv_line if as_csv else json_line)
        | beam.io.WriteToText(
            job.answers,
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
    files = FileSystems.match([pattern])[0].metadata_list
    # A missing file becomes an answer with an error when it is opened.
    yield from ((x.path, tags) for x in files) if files else [element]


class _Annotate(beam.DoFn):
    """Maps batches of (path, user tags) to answers. A process loads the model once."""

    def __init__(self, job: BeamJob) -> None:
        super().__init__()
        self._job, self._shared = job, Shared()
        self._annotated = beam.metrics.Metrics.counter(_COUNTS, "annotated")
        self._unreadable = beam.metrics.Metrics.counter(_COUNTS, "unreadable")

    def setup(self) -> None:
        path = self._job.model_path
        self._model: ExportedModel = self._shared.acquire(lambda: load(path), path)

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
        user_tags = [x or "" for x in tags] if any(x is not None for x in tags) else None
        annotations = self._model.annotate([files[i] for i in readable], user_tags, len(batch))
        by_index = dict(zip(readable, annotations, strict=True))
        for i, (picture, file) in enumerate(zip(pictures, files, strict=True)):
            yield self._row(picture, file, by_index.get(i))

    def _row(self, picture: Picture, file: Any, annotation: Any) -> dict[str, Any]:
        job, model = self._job, model_id(self._model)
        error = file if annotation is None else annotation.error
        if error is not None:
            self._unreadable.inc()
            # The model's errors end in "bytes" in place of the path, which it does not know.
            if error.endswith("bytes"):
                error = error.removesuffix("bytes") + picture.path
            return {"file": picture.path, "model": model, "error": error}
        self._annotated.inc()
        copy = None
        if job.copies is not None:
            copy = FileSystems.join(job.copies, unique_copy_name(picture.path))
            with FileSystems.create(copy, mime_type="image/jpeg") as target:
                target.write(captioned_jpeg(file, annotation.text, job.font))
        row = answer_row(picture, annotation, model, copy)
        if job.answers_format == "xmp":
            row |= self._write_sidecar(row)
        return row

    def _write_sidecar(self, row: dict[str, Any]) -> dict[str, str]:
        """Writes or merges a sidecar; returns a field for the answer if the sidecar is not XMP.

        The name keeps the picture's suffix: without it two pictures of a bucket could share a
        sidecar, and listing the bucket to find out is slow.
        """
        path, existing = row["file"] + SUFFIX, None
        if FileSystems.exists(path):
            with FileSystems.open(path, compression_type=UNCOMPRESSED) as file:
                existing = file.read()
        try:
            packet = packet_merger()(existing, words_of(row, self._model.words_shown_last))
        except ValueError as error:
            return {"sidecar_error": f"{path} is unchanged: {error}"}
        if packet != existing:
            partial = path + ".partial"
            with FileSystems.create(partial, compression_type=UNCOMPRESSED) as target:
                target.write(packet)
            FileSystems.rename([partial], [path])
        return {}
