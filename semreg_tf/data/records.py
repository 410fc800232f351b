"""The features of a record, and finding the prepared folder of a data set by name."""

from dataclasses import dataclass
from os import PathLike
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from semreg_tf.data.dataset_digests import (
    COUNTS_FILE,
    FEATURES_FILE,
    INFO_FILE,
    METADATA_FILE,
    PREPARE_ANEW,
    TFDS_FILES,
    check_dataset_files,
)
from semreg_tf.data.text import DEFAULT_TOKENIZER, EARLIEST_TOKENIZER, Tokenizer, tokenize
from semreg_tf.files.json_files import read_json_object

_JPEG_START = b"\xff\xd8\xff"


@dataclass(frozen=True)
class Annotation:
    """The annotation of one image.

    Attributes:
      image_id: an id that is unique in the data set and joins predictions to references.
      file_name: the image's name among the raw files.
      captions: sentences about the image.
      tokens: the tokens of each caption.
      labels: names of the classes to predict, distinct, in any order.
      user_tags: noisy tags of the photo's owner, distinct.
      groups: folder or group names of the photo, distinct.
    """

    image_id: str
    file_name: str
    captions: tuple[str, ...] = ()
    tokens: tuple[tuple[str, ...], ...] = ()
    labels: tuple[str, ...] = ()
    user_tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def annotation_features() -> tfds.features.FeaturesDict:
    """Returns the features of every builder; `tokens` holds tokens joined by single blanks."""
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
            "image_id": tfds.features.Text(),
            "file_name": tfds.features.Text(),
            "captions": tfds.features.Sequence(
                {"text": tfds.features.Text(), "tokens": tfds.features.Text()}
            ),
            "labels": tfds.features.Sequence(tfds.features.Text()),
            "user_tags": tfds.features.Sequence(tfds.features.Text()),
            "groups": tfds.features.Sequence(tfds.features.Text()),
        }
    )


def example(
    image: bytes, annotation: Annotation, tokenizer: Tokenizer = DEFAULT_TOKENIZER
) -> dict[str, Any]:
    """Returns one record of `annotation_features`, with tokenised captions.

    Args:
      image: the bytes of a JPEG file, which are stored unchanged.
      annotation: the annotation; blanks around captions are removed, and `tokens` are not read.
      tokenizer: one of `semreg_tf.data.text.TOKENIZERS`.

    Raises:
      ValueError: the image is not a JPEG, a caption has no token, or a name is empty or repeated.
    """
    received = f"of image_id={annotation.image_id!r}"
    if not image.startswith(_JPEG_START):
        raise ValueError(
            "`image` must hold the bytes of a JPEG file: encode the picture as one first. "
            f"Received: image={image[:8]!r}... {received}"
        )
    captions = [
        {"text": caption.strip(), "tokens": " ".join(tokenize(caption.strip(), tokenizer))}
        for caption in annotation.captions
    ]
    if not all(caption["tokens"] for caption in captions):
        raise ValueError(
            "`captions` must hold words: leave empty ones out and count them. "
            f"Received: captions={list(annotation.captions)!r} {received}"
        )
    lists = {kind: list(getattr(annotation, kind)) for kind in ("labels", "user_tags", "groups")}
    for kind, names in lists.items():
        if len(set(names)) != len(names) or not all(names):
            raise ValueError(
                f"`{kind}` must be distinct names, none empty. "
                f"Received: {kind}={names!r} {received}"
            )
    return {
        "image": image,
        "image_id": annotation.image_id,
        "file_name": annotation.file_name,
        "captions": captions,
        **lists,
    }


def stored_tokenizer(builder: tfds.core.DatasetBuilder) -> Tokenizer:
    """Returns the tokenizer of a prepared data set's captions."""
    parameters = dict(builder.info.metadata or {}).get("parameters") or {}
    return parameters.get("tokenizer", EARLIEST_TOKENIZER)


def open_builder(
    builder_dir: str | PathLike[str],
) -> tfds.core.read_only_builder.ReadOnlyBuilder:
    """Returns a read-only builder of a version folder, by the JSON files that TFDS wrote.

    Raises:
      ValueError: one of these files is missing or damaged.
    """
    folder = epath.Path(builder_dir)
    for name in TFDS_FILES:
        if name != METADATA_FILE or (folder / name).exists():
            read_json_object(folder / name, "data_dir", PREPARE_ANEW)
    try:
        builder = tfds.builder_from_directory(folder)
        # Both are read lazily, so they are accessed here.
        _ = builder.info.splits, builder.info.features
    except Exception as error:  # TFDS and protobuf may raise any exception on damaged files.
        raise ValueError(
            f"`data_dir` must hold a whole {INFO_FILE} and {FEATURES_FILE}: "
            f"{' '.join(str(error).split())[:200]}. {PREPARE_ANEW} "
            f"Received: {str(folder)!r}"
        ) from error
    return builder


def find_builder(
    data_dir: str | PathLike[str], dataset_name: str
) -> tfds.core.read_only_builder.ReadOnlyBuilder:
    """Returns a read-only builder of the newest prepared version of a data set.

    Its `data_dir` holds the shards, `annotations/` and `vocabulary/`.

    Args:
      data_dir: the folder of prepared data sets, `--data_dir` of the prepare command.
      dataset_name: the data set's name, with its variant if there are several
        (`"coco_captions/karpathy"`).

    Raises:
      ValueError: the folder is missing, does not hold the data set, several variants match, or the
        preparation was not finished.
    """
    root = epath.Path(data_dir)
    command = f"semreg prepare --dataset={dataset_name.split('/')[0]} --data_dir={data_dir}"
    if not root.is_dir():
        raise ValueError(
            f"`data_dir` must be a folder of prepared data: it does not exist. Run: {command}. "
            f"Received: data_dir={str(data_dir)!r}"
        )
    folder = root / dataset_name
    versions = _versions(folder)
    if not versions:
        raise ValueError(_not_found_message(root, folder, dataset_name, command))
    newest = versions[-1]
    if not (newest / COUNTS_FILE).exists():
        raise ValueError(
            f"`data_dir` must hold finished data sets: the preparation of {dataset_name!r} was "
            f"interrupted. Finish it: {command}. Received: data_dir={str(data_dir)!r}"
        )
    check_dataset_files(newest, *TFDS_FILES)
    return open_builder(newest)


def _versions(folder: epath.Path) -> list[epath.Path]:
    """Returns the version folders directly in `folder`, oldest first."""
    folders = []
    for path in _folders(folder):
        # If one of the two is missing, reading the data set reports it.
        prepared = (path / INFO_FILE).exists() or (path / COUNTS_FILE).exists()
        if tfds.core.Version.is_valid(path.name) and prepared:
            folders.append(path)
    return sorted(folders, key=lambda path: tfds.core.Version(path.name))


def _folders(folder: epath.Path) -> list[epath.Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []


def _prepared(root: epath.Path) -> list[str]:
    """Returns the names, with variants, of all prepared data sets under `root`."""
    names = [path.name for path in _folders(root) if _versions(path)]
    for path in _folders(root):
        names += [f"{path.name}/{variant.name}" for variant in _folders(path) if _versions(variant)]
    return sorted(names)


def _not_found_message(
    root: epath.Path, folder: epath.Path, dataset_name: str, command: str
) -> str:
    received = f"Received: data_dir={str(root)!r}, dataset_name={dataset_name!r}"
    prepared = _prepared(root)
    variants = [name for name in prepared if name.startswith(f"{dataset_name}/")]
    if variants:
        return (
            f"`dataset_name` must name the variant of {dataset_name!r}, one of "
            f"{', '.join(variants)}. {received}"
        )
    if any(path.name.startswith("incomplete.") for path in _folders(folder)):
        return (
            f"`data_dir` must hold finished data sets: the preparation of {dataset_name!r} was "
            f"interrupted. Finish it: {command}. {received}"
        )
    holds = f"it holds {', '.join(prepared)}" if prepared else "nothing is prepared there"
    return (
        f"`data_dir` must hold the data set {dataset_name!r}: {holds}. Run: {command}. {received}"
    )
