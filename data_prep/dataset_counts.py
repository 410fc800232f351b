"""The counts of a data set, which reveal a wrong one: computed, stored and printed."""

import hashlib
import json
import os
from collections.abc import Sequence
from os import PathLike
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

from semreg_tf.data.annotations import Annotation, read_annotations
from semreg_tf.data.atomic_write import write_lines
from semreg_tf.data.dataset_digests import COUNTS_FILE, PICTURE_DIGESTS, dataset_digests
from semreg_tf.data.name_list import NameList, coverage
from semreg_tf.data.records import open_builder
from semreg_tf.data.text import is_punctuation
from semreg_tf.data.vocabulary import VOCABULARY_DIR
from semreg_tf.files.digests import FILE_DIGESTS, with_own_digest

FORMAT_VERSION = 1
_COVERAGE_SIZES = (100, 256, 500, 1_000, 2_000)
_FREQUENT = 4
_SHOWN_NAMES = 3
# Sec. 4.1: number of user tags that the paper's systems read.
_KEPT_USER_TAGS = 1_000


def count_split(annotations: Sequence[Annotation]) -> dict[str, int]:
    """Returns a split's numbers of images, captions, words, labels and user tags."""
    tokens = [t for a in annotations for caption in a.tokens for t in caption]
    return {
        "images": len(annotations),
        "captions": sum(len(a.captions) for a in annotations),
        "words": sum(not is_punctuation(token) for token in tokens),
        "labels": sum(len(a.labels) for a in annotations),
        "images_with_labels": sum(bool(a.labels) for a in annotations),
        "user_tags": sum(len(a.user_tags) for a in annotations),
    }


def write_counts(builder_dir: str | PathLike[str]) -> None:
    """Writes `dataset_counts.json` into the version folder, which marks a finished preparation.

    It includes the digests of the annotations, the vocabularies, TFDS's files and the pictures.
    """
    info = open_builder(builder_dir).info
    folder = os.path.join(builder_dir, VOCABULARY_DIR)
    words = NameList.load(os.path.join(folder, "words.txt"))
    labels = NameList.load(os.path.join(folder, "labels.txt"))
    user_tags = NameList.load(os.path.join(folder, "user_tags.txt"))
    plain = words.where(lambda word, _: not is_punctuation(word)).counts
    counts = {
        "format_version": FORMAT_VERSION,
        "dataset": info.full_name,
        "splits": {s: count_split(read_annotations(builder_dir, s)) for s in info.splits},
        "distinct_words": len(plain),
        f"words_at_least_{_FREQUENT}_times": sum(count >= _FREQUENT for count in plain),
        "coverage": {str(k): coverage(words, k) for k in _COVERAGE_SIZES if k <= len(plain)},
        "label_counts": labels.count_of,
        "distinct_user_tags": len(user_tags),
        "kept_user_tags": sum(user_tags.counts[:_KEPT_USER_TAGS]),
        "parameters": info.metadata.get("parameters", {}),
        "notes": info.metadata.get("notes", {}),
        FILE_DIGESTS: dataset_digests(builder_dir),
        PICTURE_DIGESTS: {name: _picture_digest(split) for name, split in info.splits.items()},
    }
    text = json.dumps(with_own_digest(counts), indent=2, ensure_ascii=False)
    write_lines(os.path.join(builder_dir, COUNTS_FILE), text.split("\n"))


def _picture_digest(split: tfds.core.SplitInfo) -> str:
    """Returns the digest of a split's encoded pictures, in the order of the records.

    The bytes of whole records differ between two preparations of the same data set.
    """
    feature = {"image": tf.io.FixedLenFeature((), tf.string)}
    records = tf.data.TFRecordDataset([os.fspath(path) for path in split.filepaths])
    digest = hashlib.sha256()
    for example in records.map(lambda r: tf.io.parse_single_example(r, feature)).prefetch(8):
        image = example["image"].numpy()
        digest.update(len(image).to_bytes(8, "little") + image)
    return digest.hexdigest()


def describe_counts(counts: dict[str, Any]) -> str:
    """Returns the counts as text: splits, coverage, label frequencies, notes."""
    lines = [counts["dataset"], f"{'split':<12}{'images':>9}{'captions':>10}{'words':>11}"]
    lines[1] += f"{'labels/image':>14}{'tags/image':>12}"
    for split, n in counts["splits"].items():
        num_images = max(n["images"], 1)
        lines.append(
            f"{split:<12}{n['images']:>9,}{n['captions']:>10,}{n['words']:>11,}"
            f"{n['labels'] / num_images:>14.2f}{n['user_tags'] / num_images:>12.2f}"
        )
    if counts["distinct_words"]:
        frequent = counts[f"words_at_least_{_FREQUENT}_times"]
        lines.append(
            f"training words, punctuation aside: {counts['distinct_words']:,} distinct, "
            f"{frequent:,} of them occur {_FREQUENT} times or more"
        )
        shares = [f"{int(k):,}: {share:.1%}" for k, share in counts["coverage"].items()]
        if shares:
            lines.append(f"occurrences covered by the most frequent words: {', '.join(shares)}")
    images = max(counts["splits"].get("train", {}).get("images", 0), 1)
    if counts.get("kept_user_tags"):
        lines.append(
            f"training user tags: {counts['distinct_user_tags']:,} distinct, "
            f"{counts['kept_user_tags'] / images:.2f} an image of the {_KEPT_USER_TAGS:,} most "
            "frequent"
        )
    if counts["label_counts"]:
        labels = [f"{k} {n:,} ({n / images:.1%})" for k, n in counts["label_counts"].items()]
        lines.append(f"training labels ({len(labels)}): {', '.join(labels)}")
    for reason, names in sorted(counts["notes"].items()):
        shown = ", ".join(names[:_SHOWN_NAMES])
        more = f", ... (all in {COUNTS_FILE})" if len(names) > _SHOWN_NAMES else ""
        lines.append(f"{reason}: {len(names):,} ({shown}{more})")
    return "\n".join(lines)
