"""Annotates pictures with an exported model.

python -m eval.annotate_images --model=runs/export photo.jpg folder/ "trip/**/*.jpg"
find . -name "*.jpg" | python -m eval.annotate_images --model=runs/export --format=jsonl -
python -m eval.annotate_images --model=runs/export --format=xmp photos/     # photos/*.xmp
python -m eval.annotate_images --model=runs/export --format=sqlite --answers=photos.db photos/

With --out or --answers, the same command resumes after a stop. The exit status is 0 if every
picture was annotated, 1 if some could not be read (they are listed), 2 if all could not be read or
an argument is invalid.
"""

import contextlib
import dataclasses
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from absl import flags
from tqdm import tqdm

import semreg_tf
from cli import program, progress
from semreg_tf import console
from semreg_tf.annotating.copies_folder import check_copies_folder
from semreg_tf.annotating.picture_list import (
    STANDARD_INPUT,
    Picture,
    describe_passed_over,
    list_pictures,
)
from semreg_tf.data.picture_files import printable
from semreg_tf.files.export_info import check_is_export
from semreg_tf.stopping import Stopped

# Formats that a file of answers may have.
_FILES = ("jsonl", "csv", "sqlite")

_MODEL = flags.DEFINE_string("model", None, "Folder of an exported model.", required=True)
_FORMAT = flags.DEFINE_enum(
    "format",
    "table",
    ["table", "jsonl", "csv", "sqlite", "xmp"],
    "Format of the printed answers and of the --answers file: JSON Lines, CSV or SQLite. xmp "
    "writes a sidecar for photo programs beside each picture, merged with an existing one.",
)
_EMBED = flags.DEFINE_enum(
    "embed",
    None,
    ["copies", "originals"],
    "Write caption and keywords with ExifTool into the metadata of copies in --out (without the "
    "caption below the picture) or of the originals. Pixels do not change.",
)
_TAGS = flags.DEFINE_multi_string(
    "user_tags",
    None,
    "Comma-separated user tags; repeat the flag for each file, in order. On standard input they "
    "follow the path and a tab.",
)
_BATCH = flags.DEFINE_integer("batch_size", 32, "Pictures in one batch.", lower_bound=1)
_OUT = flags.DEFINE_string(
    "out", None, "Folder for copies with the caption below the picture, and annotations.jsonl."
)
_ANSWERS = flags.DEFINE_string(
    "answers", None, "File for the answers; with --runner, the prefix of the files' names."
)
_FONT = flags.DEFINE_string(
    "font", None, "TrueType font for the copies. [Pillow's font, which has only Latin letters]"
)
_RUNNER = flags.DEFINE_string(
    "runner",
    None,
    "Apache Beam runner, such as DirectRunner or FlinkRunner. [this machine, no Beam]",
)
_OPTIONS = flags.DEFINE_list(
    "beam_pipeline_options", [], "Options of the runner, comma-separated, such as parallelism=8."
)


def main(argv: list[str]) -> None:
    """Annotates and prints; pictures that cannot be read are listed at the end."""
    with console.plain_errors():
        _check_flags()
        lines = _standard_input() if STANDARD_INPUT in argv[1:] else ()
        if _RUNNER.value:
            sys.exit(_on_beam(argv[1:], lines))
        pictures = _with_tags(_list(argv[1:], lines))
        if _OUT.value:
            check_copies_folder(_OUT.value, [p.path for p in pictures])
        from semreg_tf.annotating.collection import Job, annotate_collection

        model = semreg_tf.load(_MODEL.value)
        with contextlib.ExitStack() as stack:
            also = _writers(model, pictures, stack)
            job = Job(
                model,
                pictures,
                answers=Path(_ANSWERS.value) if _ANSWERS.value else None,
                copies=Path(_OUT.value) if _OUT.value and _EMBED.value is None else None,
                font=_FONT.value,
                batch_size=_BATCH.value,
                answers_format=_FORMAT.value if _FORMAT.value in _FILES else "jsonl",
                also=also,
            )
            errors, width = [], max(len(Path(p.path).name) for p in pictures[:1000])
            if _prints() and _FORMAT.value == "csv":
                from semreg_tf.annotating.csv_answers import HEADER

                _print(HEADER)
            try:
                for row in annotate_collection(job, _bar):
                    errors += [row["error"]] if "error" in row else []
                    _show(row, width)
            except Stopped as error:
                raise Stopped(error.number, _stopped(job.answers or job.copies)) from None
    if not _prints():
        print(f"{len(pictures) - len(errors)} annotated: {_ANSWERS.value}")
    problems = [problem for writer in also for problem in writer.problems]
    for message in (*errors, *problems):
        print(f"skipped: {printable(message)}", file=sys.stderr)
    if errors:
        print(f"{len(errors)} of {len(pictures)} could not be read", file=sys.stderr)
    if problems:
        print(f"{len(problems)} of {len(pictures)} got no metadata", file=sys.stderr)
    sys.exit(2 if len(errors) == len(pictures) else 1 if errors or problems else 0)


def _check_flags() -> None:
    """Checks combinations of flags before anything is loaded.

    Raises:
      ValueError: a flag is missing or cannot be combined with another.
    """
    check_is_export(_MODEL.value, "model")
    if _FORMAT.value == "sqlite" and not _ANSWERS.value:
        raise ValueError("`answers` must be given with format=sqlite. Received: answers=None")
    if _OUT.value and Path(_OUT.value).suffix in (".csv", ".jsonl", ".db", ".sqlite"):
        raise ValueError(
            "`out` is the folder of captioned copies; name a file of answers by --answers. "
            f"Received: out={_OUT.value!r}"
        )
    if _EMBED.value == "copies" and not _OUT.value:
        raise ValueError("`out` must be given with embed=copies. Received: out=None")
    if _EMBED.value == "originals" and _OUT.value:
        raise ValueError(
            f"`out` has no use with embed=originals: leave it out. Received: out={_OUT.value!r}"
        )
    if _RUNNER.value and (_EMBED.value or _FORMAT.value == "sqlite"):
        raise ValueError(
            "`runner` writes jsonl, csv or xmp; SQLite and ExifTool do not work on several "
            f"machines. Received: runner={_RUNNER.value!r}, format={_FORMAT.value!r}, "
            f"embed={_EMBED.value!r}"
        )


def _writers(model: Any, pictures: list[Picture], stack: contextlib.ExitStack) -> list[Any]:
    """Returns the writers of sidecars and of embedded metadata that the flags select."""
    writers: list[Any] = []
    if _FORMAT.value == "xmp":
        from semreg_tf.annotating.sidecars import SidecarWriter

        writers.append(SidecarWriter(model.words_shown_last))
    if _EMBED.value is not None:
        from semreg_tf.annotating.captioned_copy import copy_names
        from semreg_tf.annotating.copies_folder import CopyNames
        from semreg_tf.annotating.embedding import EmbeddingWriter
        from semreg_tf.files.file_lock import FileLock

        folder, names = None, None
        if _EMBED.value == "copies":
            folder = Path(_OUT.value)
            stack.enter_context(FileLock(folder / ".lock", "out", folder))
            names = CopyNames(folder, copy_names([p.path for p in pictures], suffix=None))
        writers.append(EmbeddingWriter(folder, model.words_shown_last, names))
        stack.callback(writers[-1].close)
    return writers


def _prints() -> bool:
    """Returns whether answers are printed; CSV and SQLite files of answers replace printing."""
    return not (_ANSWERS.value and _FORMAT.value in ("csv", "sqlite"))


def _standard_input() -> Any:
    """Returns standard input set to preserve bytes of names that are not UTF-8."""
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="surrogateescape")
    return sys.stdin


def _list(arguments: list[str], lines: Any) -> list[Picture]:
    """Returns the pictures that the arguments name, and prints the number of other files."""
    passed_over: Counter[str] = Counter()
    pictures = list_pictures(arguments, lines, passed_over)
    if passed_over:
        print(describe_passed_over(passed_over), file=sys.stderr)
    return pictures


def _stopped(place: Path | None) -> str:
    if place is None:
        return "Stopped; without --out or --answers, answers are printed only and not saved."
    return f"Stopped; the answers so far are in {str(place)!r}; the same command resumes."


def _with_tags(pictures: list[Picture]) -> list[Picture]:
    if _TAGS.value is None:
        return pictures
    if len(_TAGS.value) != len(pictures):
        raise ValueError(
            f"`user_tags` must be given once for each of the {len(pictures)} pictures. "
            f"Received: {len(_TAGS.value)}"
        )
    pairs = zip(pictures, _TAGS.value, strict=True)
    return [dataclasses.replace(picture, user_tags=tags) for picture, tags in pairs]


def _bar(rows: Iterator[Any], total: int, earlier: int) -> Iterator[Any]:
    return progress.shown(rows, "annotating", total, earlier, prints=_prints())


def _show(row: dict[str, Any], width: int) -> None:
    """Prints an answer."""
    # Imported here so that --help and errors of flags do not wait for TensorFlow.
    from semreg_tf.annotating.answer_file import json_line
    from semreg_tf.annotating.csv_answers import csv_line
    from semreg_tf.annotating.earlier_answers import RESUMING_FIELDS

    if not _prints():
        return
    if _FORMAT.value == "jsonl":
        _print(json_line({k: v for k, v in row.items() if k not in RESUMING_FIELDS}))
    elif _FORMAT.value == "csv":
        _print(csv_line(row))
    elif "error" not in row:
        concepts = ", ".join(f"{name} {p:.2f}" for name, p in row["concepts"][:5])
        name = printable(Path(row["file"]).name).ljust(width)
        _print(f"{name}  {_caption_and_labels(row)}\n{' ' * width}  [{concepts}]")


def _print(text: str) -> None:
    """Prints a line; a closed pipe is ignored."""
    with contextlib.suppress(BrokenPipeError):
        tqdm.write(text, file=sys.stdout)


def _caption_and_labels(row: dict[str, Any]) -> str:
    """Returns the caption and the labels with their scores."""
    from semreg_tf.annotating.photo_words import caption_of

    caption = caption_of(row)
    labels, scores = row.get("labels") or [], row.get("label_scores") or ()
    if len(labels) == len(scores):
        labels = [f"{label} {p:.2f}" for label, p in zip(labels, scores, strict=True)]
    tags = ", ".join(labels) or ("(no label)" if caption is None else "")
    return "  ·  ".join(text for text in (caption, tags) if text)


def _on_beam(arguments: list[str], lines: Any) -> int:
    try:
        from semreg_tf.annotating.beam_pipeline import BeamJob, annotate_on_beam
    except ModuleNotFoundError as error:
        raise ValueError(
            "`runner` needs Apache Beam: pip install -c constraints.txt -e '.[beam]'. "
            f"Received: runner={_RUNNER.value!r}"
        ) from error
    if not _ANSWERS.value:
        raise ValueError("`answers` must be given with `runner`. Received: answers=None")
    semreg_tf.load(_MODEL.value)
    # Patterns are matched by Beam's file systems, since they may be in buckets.
    local = [a for a in arguments if Path(a).is_dir() or a == STANDARD_INPUT]
    pictures = [Picture(a) for a in arguments if a not in local]
    pictures += _list(local, lines) if local or not pictures else []
    job = BeamJob(
        _MODEL.value, _ANSWERS.value, _OUT.value, _FONT.value, _BATCH.value, _FORMAT.value
    )
    options = [f"--runner={_RUNNER.value}", *(f"--{x.lstrip('-')}" for x in _OPTIONS.value)]
    counts = annotate_on_beam(job, _with_tags(pictures), options)
    annotated, unreadable = counts.get("annotated", 0), counts.get("unreadable", 0)
    suffix = "csv" if _FORMAT.value == "csv" else "jsonl"
    print(f"{annotated} annotated, {unreadable} could not be read: see {_ANSWERS.value}-*.{suffix}")
    return 0 if not unreadable else 1 if annotated else 2


if __name__ == "__main__":
    program.run(
        main,
        stopped="Stopped; nothing was annotated.",
        arguments="pictures, folders, patterns, or - for standard input",
    )
