"""Additional captions without images, for the relational stage, which needs none (Sec. 3.3)."""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import PurePosixPath

import tensorflow_datasets as tfds

from semreg_tf.data.annotations import Annotation, read_annotations
from semreg_tf.data.records import stored_tokenizer
from semreg_tf.data.text import Tokenizer, tokenize
from semreg_tf.files.digests import file_digest
from semreg_tf.text.caption_files import read_caption_file
from semreg_tf.text.cleaning import clean_caption

logger = logging.getLogger(__name__)
_FIELD = "relational.extra_captions"


@dataclass(frozen=True)
class ExtraCaptions:
    """Captions of images that are not in the data set.

    Attributes:
      annotations: one per image, with captions and tokens only.
      digest: the SHA-256 of the file.
    """

    annotations: tuple[Annotation, ...]
    digest: str

    def word_counts(self) -> Counter[str]:
        """Returns the count of each token."""
        return Counter(t for a in self.annotations for tokens in a.tokens for t in tokens)


def read_extra_captions(
    path: str | PathLike[str], builder: tfds.core.DatasetBuilder
) -> ExtraCaptions:
    """Reads captions, without those of images that are in any split of the data set.

    File names are compared without folder and suffix, so that captions of test images are never
    trained on. The log says how many images are left out. The data set's tokenizer is used;
    `read_caption_file` has the formats.

    Raises:
      ValueError: the file is missing or of another form, or no caption remains.
    """
    try:
        captions = read_caption_file(path, _FIELD)
        digest = file_digest(path)
    except OSError as error:
        raise ValueError(
            f"`{_FIELD}` must be a file of captions ({error.strerror}). Received: {str(path)!r}"
        ) from error
    dataset_stems = {_stem(name) for name in _names(builder)}
    new = {name: texts for name, texts in captions.items() if _stem(name) not in dataset_stems}
    annotations = tuple(_annotations(new, stored_tokenizer(builder)))
    if not annotations:
        raise ValueError(
            f"`{_FIELD}` must hold captions of pictures that are not in the data set. Received: "
            f"{str(path)!r}, {len(captions)} pictures, {len(captions) - len(new)} of them in the "
            "data set"
        )
    logger.info(
        "Extra captions: %d of %d pictures; %d pictures that are in the data set and %d without "
        "words are left out (%s)",
        sum(len(a.captions) for a in annotations),
        len(annotations),
        len(captions) - len(new),
        len(new) - len(annotations),
        path,
    )
    return ExtraCaptions(annotations, digest)


def _names(builder: tfds.core.DatasetBuilder) -> Iterable[str]:
    for split, info in builder.info.splits.items():
        for annotation in read_annotations(builder.data_dir, split) if info.num_examples else ():
            yield annotation.image_id
            yield annotation.file_name


def _stem(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).stem


def _annotations(
    captions: dict[str, tuple[str, ...]], tokenizer: Tokenizer
) -> Iterable[Annotation]:
    for name, texts in captions.items():
        cleaned = [clean_caption(text).text for text in texts]
        pairs = [(text, tuple(tokenize(text, tokenizer))) for text in cleaned]
        pairs = [(text, tokens) for text, tokens in pairs if tokens]
        if pairs:
            captions_with_words, tokens = zip(*pairs, strict=True)
            yield Annotation(name, name, captions_with_words, tokens)
