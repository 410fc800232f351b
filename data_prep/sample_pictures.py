"""Writes a sample of a prepared data set as a folder of pictures with an annotation file.

The results of training on a small set, from the folder to the model, can then be measured:

python -m data_prep.sample_pictures --data_dir=data --dataset=flickr8k --num_train=500 \
  --test_split=validation --num_test=1000 --out=pictures
python -m data_prep.prepare_custom --raw_dir=pictures --data_dir=pictures_data
"""

import json
from pathlib import Path

from absl import flags

from cli import program, shared_flags
from semreg_tf.console import plain_errors

_DATA_DIR = shared_flags.define_data_dir()
_DATASET = flags.DEFINE_string("dataset", None, "Name of the data set.", required=True)
_TRAIN_SPLIT = flags.DEFINE_string("train_split", "train", "Split of the training pictures.")
_NUM_TRAIN = flags.DEFINE_integer(
    "num_train",
    500,
    "Number of training pictures; a tenth of them becomes the validation split.",
    lower_bound=10,
)
_SKIP = flags.DEFINE_integer(
    "skip", 0, "Number of drawn training pictures to skip first.", lower_bound=0
)
_TEST_SPLIT = flags.DEFINE_string(
    "test_split", "validation", "Split of the test pictures; none of them is a training picture."
)
_NUM_TEST = flags.DEFINE_integer("num_test", 500, "Number of test pictures.", lower_bound=0)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the draws.", lower_bound=0)
_OUT = flags.DEFINE_string("out", None, "Folder to write; it must not exist.", required=True)


def main(_: list[str]) -> None:
    """Draws the pictures and writes the folder."""
    with plain_errors():
        out = Path(_OUT.value)
        if out.exists():
            raise ValueError(f"`out` must be a new folder. Received: out={_OUT.value!r}")
        lines, pictures = _draw()
        out.mkdir(parents=True)
        for name, content in pictures:
            (out / name).write_bytes(content)
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (out / "annotations.jsonl").write_text(text, encoding="utf-8")
        print(f"{_OUT.value}: {len(lines):,} pictures, {_NUM_TRAIN.value:,} for training")


def _draw() -> tuple[list[dict], list[tuple[str, bytes]]]:
    """Draws the pictures.

    Returns:
      The lines of the annotation file, and pairs of file name and JPEG bytes.

    Raises:
      ValueError: a split has too few pictures.
    """
    from data_prep.custom.entries import Entry
    from data_prep.custom.findings import Findings
    from data_prep.custom.splits import assign_splits
    from data_prep.seeded_draw import drawn_order
    from data_prep.stored_images import read_images_of
    from semreg_tf.data.annotations import read_annotations
    from semreg_tf.data.records import find_builder

    builder = find_builder(_DATA_DIR.value, _DATASET.value)
    train_split, test_split = _TRAIN_SPLIT.value, _TEST_SPLIT.value
    first, last = _SKIP.value, _SKIP.value + _NUM_TRAIN.value
    annotations, drawn = {}, {}
    for split in (train_split, test_split):
        annotations[split] = read_annotations(builder.data_dir, split)
        rows = {a.image_id: row for row, a in enumerate(annotations[split])}
        drawn[split] = [rows[name] for name in drawn_order(_SEED.value, rows)]
    train_rows = drawn[train_split][first:last]
    test_rows = drawn[test_split][last if test_split == train_split else 0 :][: _NUM_TEST.value]
    if len(train_rows) < _NUM_TRAIN.value or len(test_rows) < _NUM_TEST.value:
        raise ValueError(
            "`num_train` and `num_test` must be at most the numbers of pictures, "
            f"{len(train_rows):,} and {len(test_rows):,}. "
            f"Received: num_train={_NUM_TRAIN.value}, num_test={_NUM_TEST.value}"
        )
    train, test = (
        read_images_of(builder, split, annotations[split], rows)
        for split, rows in ((train_split, train_rows), (test_split, test_rows))
    )
    entries = [Entry(i, a.image_id, labels=a.labels) for i, (_, a) in enumerate(train)]
    parts = assign_splits(entries, 0.1, 0.0, _SEED.value, Findings())
    split_of = {entry.file_name: split for split, part in parts.items() for entry in part}
    lines, pictures = [], []
    for content, annotation in (*train, *test):
        name = f"{len(lines):05d}.jpg"
        line = {"file_name": name, "split": split_of.get(annotation.image_id, "test")}
        for kind in ("captions", "labels"):
            if getattr(annotation, kind):
                line[kind] = list(getattr(annotation, kind))
        lines.append(line)
        pictures.append((name, content))
    return lines, pictures


if __name__ == "__main__":
    program.run(main)
