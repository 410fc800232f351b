"""Annotating a collection of pictures: the stream, the file of answers, the copies, resuming."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semreg_tf.annotating.answer_file import AnswerFile, answer_row, picture_key
from semreg_tf.annotating.captioned_copy import captioned_jpeg, check_font, copy_names
from semreg_tf.annotating.copies_folder import CopyNames, check_copies_folder
from semreg_tf.annotating.csv_answers import CsvAnswers
from semreg_tf.annotating.earlier_answers import check_same_export, picture_fields, still_right
from semreg_tf.annotating.picture_list import Picture
from semreg_tf.annotating.sqlite_answers import SqliteAnswers
from semreg_tf.data.picture_files import read_picture_file
from semreg_tf.files.digests import OWN_DIGEST
from semreg_tf.files.file_lock import FileLock
from semreg_tf.files.whole_file import write_whole
from semreg_tf.image_annotation import ImageAnnotation
from semreg_tf.inference import ExportedModel
from semreg_tf.stream_threads import stream_threads

ANSWERS_FILES = {
    "jsonl": "annotations.jsonl",
    "csv": "annotations.csv",
    "sqlite": "annotations.db",
}
_DRAWN_AHEAD = 64

Answers = AnswerFile | CsvAnswers | SqliteAnswers
ANSWER_FILES = {"jsonl": AnswerFile, "csv": CsvAnswers, "sqlite": SqliteAnswers}


@dataclass(frozen=True)
class Job:
    """Pictures to annotate, and the outputs to write.

    Attributes:
      model: the export.
      pictures: the pictures, each path once.
      answers: file of the answers, from which the job resumes, or None.
      copies: folder of the copies with captions, or None; without `answers` it also holds the file
        of answers.
      font: file of the copies' font; None: Pillow's font.
      batch_size: pictures in a batch.
      answers_format: format of the file: "jsonl", "csv" or "sqlite".
      also: functions that are called with each answer, those of earlier starts included, before it
        is written, and write further outputs. One may be called twice with the same answer.
    """

    model: ExportedModel
    pictures: Sequence[Picture]
    answers: Path | None = None
    copies: Path | None = None
    font: str | None = None
    batch_size: int = 32
    answers_format: str = "jsonl"
    also: Sequence[Callable[[dict[str, Any]], None]] = ()


def model_id(model: ExportedModel) -> str:
    """Returns the start of the hash of the model's weights, which identifies its answers."""
    return model.info["weights_sha256"][:12]


def _export_id(model: ExportedModel) -> str | None:
    """Returns the start of the digest of all files of an export; None if an old one has none."""
    digest = model.info.get(OWN_DIGEST)
    return digest and digest[:12]


def annotate_collection(
    job: Job, progress: Callable[[Iterator[Any], int, int], Iterator[Any]] | None = None
) -> Iterator[dict[str, Any]]:
    """Annotates the pictures without an answer yet, and yields the answers to all pictures.

    A picture's copy is written first, then its answer, then the answer is yielded. A picture that
    an earlier start answered is not annotated again, unless its file or its user tags have changed;
    one that could not be read is tried again. A missing copy is drawn.

    Args:
      job: pictures and outputs.
      progress: wraps the answers of this start: (answers, total, number of earlier answers) ->
        answers.

    Yields:
      One `answer_row` per picture, in their order, with `picture_fields` and the export's id.

    Raises:
      ValueError: the file of answers is another model's or holds something else, the folder of
        copies holds a picture, the font cannot be read, or the model does not read user tags.
      OSError: the answers or copies cannot be written.
    """
    check_font(job.font)
    path = job.answers or (job.copies / ANSWERS_FILES[job.answers_format] if job.copies else None)
    with contextlib.ExitStack() as stack:
        if job.copies is not None:
            check_copies_folder(job.copies, [p.path for p in job.pictures])
            job.copies.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(job.copies / ".lock", "copies", job.copies))
        file = ANSWER_FILES[job.answers_format](path, model_id(job.model)) if path else None
        if file is not None:
            stack.callback(file.close)
        pool = stack.enter_context(stream_threads(2))
        earlier, listed = {}, {}
        if file is not None:
            listed = file.rows
            check_same_export(path, listed, _export_id(job.model))
            earlier = still_right(listed, job.pictures, bool(job.also))
        names = {}
        if job.copies is not None:
            preferred = copy_names([p.path for p in job.pictures])
            names = CopyNames(job.copies, preferred, listed.values())
        unanswered = [p for p in job.pictures if p.path not in earlier]
        answers = _answers(job, unanswered, names, pool, file)
        if progress:
            answers = progress(answers, len(job.pictures), len(earlier))
        answers = iter(answers)
        for picture in job.pictures:
            row = earlier.get(picture.path)
            if row is None:
                yield next(answers)
                continue
            _draw_if_missing(job, row, names)
            row = _written_also(job, picture, row, picture_fields(picture))
            if row != earlier[picture.path]:
                file.append(row)
            yield row
        # Until the bar is complete.
        yield from answers


def _answers(
    job: Job,
    pictures: list[Picture],
    names: Mapping[str, str] | CopyNames,
    pool: ThreadPoolExecutor,
    file: Answers | None,
) -> Iterator[dict[str, Any]]:
    """Annotates pictures and yields the answers; each is written after its copy."""
    has_tags = any(p.user_tags is not None for p in pictures)
    tags = (p.user_tags or "" for p in pictures) if has_tags else None
    fields = {}

    def paths() -> Iterator[str]:
        for picture in pictures:
            # Before the file is read, so that a later change is seen by the next start.
            fields[picture.path] = picture_fields(picture)
            yield picture.path

    stream = job.model.annotate_stream(paths(), tags, job.batch_size)
    export = _export_id(job.model)
    export_field = {} if export is None else {"export": export}
    waiting: deque[tuple[Picture, ImageAnnotation, Future | None]] = deque()

    def finish() -> dict[str, Any]:
        picture, annotation, drawing = waiting.popleft()
        copy = None if drawing is None else drawing.result()
        before = fields.pop(picture.path)
        row = answer_row(picture, annotation, model_id(job.model), copy) | before | export_field
        row = _written_also(job, picture, row, before)
        # A picture that could not be read before may have the same error again.
        if file is not None and file.rows.get(picture_key(row)) != row:
            file.append(row)
        return row

    for picture, annotation in zip(pictures, stream, strict=True):
        drawing = None
        if job.copies is not None and annotation.error is None:
            drawing = pool.submit(_draw, job, picture.path, annotation.text, names[picture.path])
        waiting.append((picture, annotation, drawing))
        while waiting and (len(waiting) > _DRAWN_AHEAD or _is_drawn(waiting[0][2])):
            yield finish()
    while waiting:
        yield finish()


def _written_also(
    job: Job, picture: Picture, row: dict[str, Any], fields: dict[str, Any]
) -> dict[str, Any]:
    """Writes the other outputs, and returns the answer with the file as they leave it.

    `fields` are the picture's before; keywords may be written into the picture itself.
    """
    if not job.also:
        return row
    is_unchanged = picture_fields(picture) == fields
    for write in job.also:
        write(row)
    return row | picture_fields(picture) if is_unchanged and "path" in row else row


def _is_drawn(drawing: Future | None) -> bool:
    return drawing is None or drawing.done()


def _draw(job: Job, path: str, text: str, name: str) -> str:
    target = job.copies / name
    write_whole(target, captioned_jpeg(read_picture_file(path), text, job.font))
    return str(target)


def _draw_if_missing(job: Job, row: dict[str, Any], names: Mapping[str, str] | CopyNames) -> None:
    if job.copies is None or "error" in row:
        return
    name = names[row["file"]]
    if not (job.copies / name).exists():
        _draw(job, row["file"], row["text"], name)
