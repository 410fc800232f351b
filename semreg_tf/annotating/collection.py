"""Annotating a collection: the stream, the answers on disk, the copies, and going on later."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semreg_tf.annotating.answer_file import AnswerFile, answer_row
from semreg_tf.annotating.captioned_copy import (
    captioned_jpeg,
    check_font,
    copy_names,
)
from semreg_tf.annotating.csv_answers import CsvAnswers
from semreg_tf.annotating.picture_list import Picture
from semreg_tf.annotating.sqlite_answers import SqliteAnswers
from semreg_tf.data.picture_files import read_picture_file
from semreg_tf.files.file_lock import FileLock
from semreg_tf.files.whole_file import write_whole
from semreg_tf.inference import ExportedModel, ImageAnnotation

ANSWERS_FILE = "annotations.jsonl"
_DRAWN_AHEAD = 64

Answers = AnswerFile | CsvAnswers | SqliteAnswers
ANSWER_FILES = {"jsonl": AnswerFile, "csv": CsvAnswers, "sqlite": SqliteAnswers}


@dataclass(frozen=True)
class Job:
    """What is to be done.

    Attributes:
      model: the export.
      pictures: each path once.
      answers: file of the answers, to be resumed from, or None.
      copies: folder of the copies with captions, or None; without `answers` these are kept in it.
      font: file of the copies' font; None: Pillow's own.
      batch_size: pictures at once.
      answers_format: of the file: "jsonl", "csv" or "sqlite".
      also: called with each answer, those of earlier starts too, before it is kept: what else is
        made of it. It may be called with the same answer again.
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
    """Returns what tells a model's answers from another's: the beginning of its weights' hash."""
    return model.info["weights_sha256"][:12]


def annotate_collection(
    job: Job, progress: Callable[[Iterator[Any], int, int], Iterator[Any]] | None = None
) -> Iterator[dict[str, Any]]:
    """Annotates what earlier starts of the job left, and yields the answers to all its pictures.

    An answer is on disk before it is yielded, and its copy before it. A picture that an earlier
    start answered, or could not read, costs nothing but, where it is missing, its copy.

    Args:
      job: what is to be done.
      progress: wraps the answers of this start: (answers, total, of which earlier) -> answers.

    Yields:
      One `answer_row` a picture: first those of earlier starts, then those of this one.

    Raises:
      ValueError: the answers are another model's or no answers, no font, or user tags that the
        model has no use for.
      OSError: the answers or copies cannot be written.
    """
    check_font(job.font)
    path = job.answers or (job.copies / ANSWERS_FILE if job.copies else None)
    names = copy_names([p.path for p in job.pictures]) if job.copies else {}
    with contextlib.ExitStack() as held:
        if job.copies is not None:
            job.copies.mkdir(parents=True, exist_ok=True)
            held.enter_context(FileLock(job.copies / ".lock", "copies", job.copies))
        file = ANSWER_FILES[job.answers_format](path, model_id(job.model)) if path else None
        if file is not None:
            held.callback(file.close)
        pool = ThreadPoolExecutor(2)
        held.callback(pool.shutdown, cancel_futures=True)
        earlier = {} if file is None else file.rows
        todo = [p for p in job.pictures if p.path not in earlier]
        for picture in job.pictures:
            if picture.path in earlier:
                _draw_if_missing(job, earlier[picture.path], names)
                for make in job.also:
                    make(earlier[picture.path])
                yield earlier[picture.path]
        made = _answers(job, todo, names, pool, file)
        yield from progress(made, len(job.pictures), len(earlier)) if progress else made


def _answers(
    job: Job,
    todo: list[Picture],
    names: dict[str, str],
    pool: ThreadPoolExecutor,
    file: Answers | None,
) -> Iterator[dict[str, Any]]:
    """Yields the answers to pictures, each written when its copy is."""
    has_tags = any(p.user_tags is not None for p in todo)
    tags = (p.user_tags or "" for p in todo) if has_tags else None
    stream = job.model.annotate_stream((p.path for p in todo), tags, job.batch_size)
    waiting: deque[tuple[Picture, ImageAnnotation, Future | None]] = deque()

    def finish() -> dict[str, Any]:
        picture, annotation, drawing = waiting.popleft()
        copy = None if drawing is None else drawing.result()
        row = answer_row(picture, annotation, model_id(job.model), copy)
        for make in job.also:
            make(row)
        if file is not None:
            file.append(row)
        return row

    for picture, annotation in zip(todo, stream, strict=True):
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


def _draw_if_missing(job: Job, row: dict[str, Any], names: dict[str, str]) -> None:
    if job.copies is None or "error" in row:
        return
    if not (job.copies / names[row["file"]]).exists():
        _draw(job, row["file"], row["text"], names[row["file"]])
