"""Annotates pictures with an exported model.

python -m eval.annotate_images --model=runs/export photo.jpg folder/ "trip/**/*.jpg"
find . -name "*.jpg" | python -m eval.annotate_images --model=runs/export --format=jsonl -
python -m eval.annotate_images --model=runs/export --format=xmp photos/     # photos/*.xmp
python -m eval.annotate_images --model=runs/export --format=sqlite --answers=photos.db photos/

With --out or --answers, the same command goes on where an earlier start stopped. The exit status
is 0 if every picture was annotated, 1 if some could not be read (they are listed), 2 if none could
or an argument is refused.
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
from semreg_tf import console
from semreg_tf.annotating.picture_list import (
    STANDARD_INPUT,
    Picture,
    describe_passed_over,
    list_pictures,
)
from semreg_tf.cli import program, progress
from semreg_tf.data.picture_files import printable
from semreg_tf.stopping import Stopped

# Formats that a file of answers may have.
_FILES = ("jsonl", "csv", "sqlite")

_MODEL = flags.DEFINE_string("model", None, "Folder of an exported model.", required=True)
_FORMAT = flags.DEFINE_enum(
    "format",
    "table",
    ["table", "jsonl", "csv", "sqlite", "xmp"],
    "How answers are printed, and of --answers the file's format: JSON Lines, CSV or SQLite. xmp "
    "writes a sidecar beside each picture, which photo programs read; one that is there is merged.",
)
_EMBED = flags.DEFINE_enum(
    "embed",
    None,
    ["copies", "originals"],
    "Caption and keywords are written into the files themselves, by ExifTool: into copies in "
    "--out, which then have no caption below the picture, or into the originals. Pixels stay as "
    "they are.",
)
_TAGS = flags.DEFINE_multi_string(
    "user_tags",
    None,
    "Comma-separated user tags, once for each file, in order. On standard input they follow the "
    "path and a tab.",
)
_BATCH = flags.DEFINE_integer("batch_size", 32, "Pictures in one batch.", lower_bound=1)
_OUT = flags.DEFINE_string(
    "out", None, "Folder of copies with the caption under the picture, and of annotations.jsonl."
)
_ANSWERS = flags.DEFINE_string(
    "answers", None, "File for the answers; with --runner, the prefix of its name."
)
_FONT = flags.DEFINE_string(
    "font", None, "TrueType file for the copies. [Pillow's own, which has Latin letters alone]"
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
        from semreg_tf.annotating.collection import Job, annotate_collection

        model = semreg_tf.load(_MODEL.value)
        with contextlib.ExitStack() as held:
            also = _writers(model, pictures, held)
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
            bad, width = [], max(len(Path(p.path).name) for p in pictures[:1000])
            if _prints() and _FORMAT.value == "csv":
                _print(_csv_header())
            try:
                for row in annotate_collection(job, _bar):
                    bad += [row["error"]] if "error" in row else []
                    _show(row, width)
            except Stopped as error:
                raise Stopped(error.number, _stopped(job.answers or job.copies)) from None
    if not _prints():
        print(f"{len(pictures) - len(bad)} annotated: {_ANSWERS.value}")
    problems = [problem for writer in also for problem in writer.problems]
    for told in (*bad, *problems):
        print(f"skipped: {printable(told)}", file=sys.stderr)
    if bad:
        print(f"{len(bad)} of {len(pictures)} could not be read", file=sys.stderr)
    sys.exit(2 if len(bad) == len(pictures) else 1 if bad or problems else 0)


def _check_flags() -> None:
    """Refuses flags that do not go together, before anything is loaded.

    Raises:
      ValueError: as said.
    """
    if _FORMAT.value == "sqlite" and not _ANSWERS.value:
        raise ValueError("`answers` must be given with format=sqlite. Received: answers=None")
    if _EMBED.value == "copies" and not _OUT.value:
        raise ValueError("`out` must be given with embed=copies. Received: out=None")
    if _EMBED.value == "originals" and _OUT.value:
        raise ValueError(
            f"`out` has no use with embed=originals: leave it out. Received: out={_OUT.value!r}"
        )
    if _RUNNER.value and (_EMBED.value or _FORMAT.value == "sqlite"):
        raise ValueError(
            "`runner` writes jsonl, csv or xmp: one database, or ExifTool, is no work for many "
            f"machines. Received: runner={_RUNNER.value!r}, format={_FORMAT.value!r}, "
            f"embed={_EMBED.value!r}"
        )


def _writers(model: Any, pictures: list[Picture], held: contextlib.ExitStack) -> list[Any]:
    """Returns what writes words to photographs, as the flags ask for it."""
    writers: list[Any] = []
    if _FORMAT.value == "xmp":
        from semreg_tf.annotating.sidecars import SidecarWriter

        writers.append(SidecarWriter(model.words_shown_last))
    if _EMBED.value is not None:
        from semreg_tf.annotating.captioned_copy import copy_names
        from semreg_tf.annotating.embedding import EmbeddingWriter

        folder = Path(_OUT.value) if _EMBED.value == "copies" else None
        names = copy_names([p.path for p in pictures], suffix=None)
        writers.append(EmbeddingWriter(folder, model.words_shown_last, names))
        held.callback(writers[-1].close)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    return writers


def _csv_header() -> str:
    from semreg_tf.annotating.csv_answers import HEADER

    return HEADER


def _prints() -> bool:
    """Returns whether each answer is printed, and not only kept in a file of its format."""
    return not (_ANSWERS.value and _FORMAT.value in ("csv", "sqlite"))


def _standard_input() -> Any:
    """Returns standard input, which keeps the bytes of names that are not UTF-8."""
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="surrogateescape")
    return sys.stdin


def _list(arguments: list[str], lines: Any) -> list[Picture]:
    """Returns the pictures that are meant, and says what lies beside them."""
    passed_over: Counter[str] = Counter()
    pictures = list_pictures(arguments, lines, passed_over)
    if passed_over:
        print(describe_passed_over(passed_over), file=sys.stderr)
    return pictures


def _stopped(place: Path | None) -> str:
    if place is None:
        return "Stopped; without --out or --answers, nothing is kept but what was printed."
    return f"Stopped; the answers so far are in {str(place)!r}, and the same command goes on."


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
    # TensorFlow takes seconds to import; --help and mistakes should not.
    from semreg_tf.annotating.answer_file import json_line
    from semreg_tf.annotating.csv_answers import csv_line

    if not _prints():
        return
    if _FORMAT.value == "jsonl":
        _print(json_line(row))
    elif _FORMAT.value == "csv":
        _print(csv_line(row))
    elif "error" not in row:
        concepts = ", ".join(f"{name} {p:.2f}" for name, p in row["concepts"][:5])
        name = printable(Path(row["file"]).name).ljust(width)
        _print(f"{name}  {_said(row)}\n{' ' * width}  [{concepts}]")


def _print(text: str) -> None:
    """Prints a line; a reader that has gone away is no error."""
    with contextlib.suppress(BrokenPipeError):
        tqdm.write(text, file=sys.stdout)


def _said(row: dict[str, Any]) -> str:
    """Returns the caption, and the labels, each with its score."""
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
            "`runner` needs Apache Beam: pip install -c constraints-beam.txt -e '.[beam]'. "
            f"Received: runner={_RUNNER.value!r}"
        ) from error
    if not _ANSWERS.value:
        raise ValueError("`answers` must be given with `runner`. Received: answers=None")
    semreg_tf.load(_MODEL.value)
    # Patterns are matched by Beam's file systems: buckets have them too.
    here = [a for a in arguments if Path(a).is_dir() or a == STANDARD_INPUT]
    pictures = [Picture(a) for a in arguments if a not in here]
    pictures += _list(here, lines) if here or not pictures else []
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
