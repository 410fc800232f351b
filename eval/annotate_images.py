"""Annotates pictures with an exported model.

python -m eval.annotate_images --model=runs/export photo.jpg folder/
"""

import json
import sys
from pathlib import Path

from absl import app, flags

import semreg_tf
from semreg_tf import console

_MODEL = flags.DEFINE_string("model", None, "Folder of an exported model.", required=True)
_FORMAT = flags.DEFINE_enum("format", "table", ["table", "jsonl"], "How answers are printed.")
_TAGS = flags.DEFINE_multi_string(
    "user_tags", None, "Comma-separated user tags, once for each file, in order."
)
_BATCH = flags.DEFINE_integer("batch_size", 32, "Pictures at once.", lower_bound=1)
_SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp")


def find_files(arguments: list[str]) -> list[Path]:
    """Returns the files named, and the pictures right inside the folders named."""
    found: list[Path] = []
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            found += sorted(p for p in path.iterdir() if p.suffix.lower() in _SUFFIXES)
        else:
            found.append(path)
    return found


def main(argv: list[str]) -> None:
    """Annotates and prints; pictures that cannot be read are listed at the end."""
    with console.plain_errors():
        files = find_files(argv[1:])
        if not files:
            raise ValueError("Give at least one picture or folder of pictures. Received: none")
        model = semreg_tf.load(_MODEL.value)
        found = model.annotate(files, _TAGS.value, _BATCH.value)
    rows, bad = [], []
    for path, annotation in zip(files, found, strict=True):
        if annotation.error:
            bad.append(annotation.error)
        elif _FORMAT.value == "jsonl":
            answer = {
                "file": str(path),
                "text": annotation.text,
                "n_best": annotation.n_best,
                "concepts": annotation.concepts[:10],
            }
            print(json.dumps(answer, ensure_ascii=False))
        else:
            concepts = ", ".join(f"{name} {p:.2f}" for name, p in annotation.concepts[:5])
            rows.append([path.name, annotation.text or "(no label)", concepts])
    if rows:
        width = max(len(row[0]) for row in rows)
        for name, text, concepts in rows:
            print(f"{name.ljust(width)}  {text}\n{' ' * width}  [{concepts}]")
    for error in bad:
        print(f"skipped: {error}", file=sys.stderr)
    if bad and len(bad) == len(files):
        raise SystemExit(2)


if __name__ == "__main__":
    app.run(main)
