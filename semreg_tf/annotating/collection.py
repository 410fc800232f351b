"""Annotating a collection of pictures: the stream, the file of answers, the copies, resuming."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semreg_tf.annotating.answer_file import AnswerFile, answer_row
from semreg_tf.annotating.captioned_copy import captioned_jpeg, check_font, copy_names
from semreg_tf.annotating.copies_folder import CopyNames, check_copies_folder
from semreg_tf.annotating.csv_answers import CsvAnswers
from semreg_tf.annotating.picture_list import Picture
from semreg_tf.annotating.sqlite_answers import SqliteAnswers
from semreg_tf.data.picture_files import read_picture_file
from semreg_tf.files.file_lock import FileLock
from semreg_tf.files.whole_file import write_whole
from semreg_tf.image_annotation import ImageAnnotation
from semreg_tf.inference import ExportedModel

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


def annotate_collection(
    job: Job, progress: Callable[[Iterator[Any], int, int], Iterator[Any]] | None = None
) -> Iterator[dict[str, Any]]:
    """Annotates the pictures without an answer yet, and yields the answers to all pictures.

    A picture's copy is written first, then its answer, then the answer is yielded. A picture that
    an earlier start answered, or could not read, is not annotated again; a missing copy is drawn.

    Args:
      job: pictures and outputs.
      progress: wraps the answers of this start: (answers, total, number of earlier answers) ->
        answers.

    Yields:
      One `answer_row` per picture: first those of earlier starts, then those of this one.

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
        pool = ThreadPoolExecutor(2)
        stack.callback(pool.shutdown, cancel_futures=True)
        earlier = {} if file is None else file.rows
        names = {}
        if job.copies is not None:
            preferred = copy_names([p.path for p in job.pictures])
            names = CopyNames(job.copies, preferred, earlier.values())
        if job.also:
            # The other outputs need the concepts, which tables of an earlier version lack.
            earlier = {k: r for k, r in earlier.items() if {"error", "concepts"} & set(r)}
        unanswered = [p for p in job.pictures if p.path not in earlier]
        for picture in job.pictures:
            if picture.path in earlier:
                _draw_if_missing(job, earlier[picture.path], names)
                for write in job.also:
                    write(earlier[picture.path])
                yield earlier[picture.path]
        answers = _answers(job, unanswered, names, pool, file)
        yield from progress(answers, len(job.pictures), len(earlier)) if progress else answers


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
    stream = job.model.annotate_stream((p.path for p in pictures), tags, job.batch_size)
    waiting: deque[tuple[Picture, ImageAnnotation, Future | None]] = deque()

    def finish() -> dict[str, Any]:
        picture, annotation, drawing = waiting.popleft()
        copy = None if drawing is None else drawing.result()
        row = answer_row(picture, annotation, model_id(job.model), copy)
        for write in job.also:
            write(row)
        if file is not None:
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
