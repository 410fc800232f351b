"""Annotating pictures with an exported model: TensorFlow, Pillow and the SavedModel alone.

Example:
  import semreg_tf
  model = semreg_tf.load("runs/export")
  for found in model.annotate(["beach.jpg", "street.png"]):
      print(found.text, found.concepts[:3])
"""

import itertools
import logging
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from semreg_tf.data.picture_decoding import UnreadablePictureError, for_graph
from semreg_tf.data.picture_files import read_picture_file
from semreg_tf.files import digests
from semreg_tf.files.json_files import read_json_object
from semreg_tf.image_annotation import (
    ImageAnnotation,
    annotation_of_row,
    shown_last_of,
    tasks_of,
)
from semreg_tf.text.cleaning import lone_surrogate

logger = logging.getLogger(__name__)
_FIX = "Export the run again."

INFO_FILE = Path("assets.extra") / "semreg_tf.json"
FORMAT_VERSION = 2
# Two calls at once: one decodes its pictures while the other is in the network.
_CONCURRENT_CALLS = 2
# Batches whose files are read ahead of the answers handed out.
_BATCHES_AHEAD = 3

Picture = str | os.PathLike[str] | bytes | np.ndarray


class PictureModel:
    """Signatures that take pictures and say what is on them.

    Attributes:
      info: what is known of the model; `task` at least.
      signatures: by name: `serving_default`, and `serving_with_tags` where user tags are read.

    Args:
      info: see above.
      signatures: see above.
    """

    def __init__(self, info: dict[str, Any], signatures: Mapping[str, Any]) -> None:
        self.info, self.signatures = info, signatures

    @property
    def task(self) -> str:
        """Either "captions" or "tags"."""
        return self.info["task"]

    @property
    def tasks(self) -> tuple[str, ...]:
        """What it says of a picture: "captions", "tags", or both."""
        return tasks_of(self.info)

    @property
    def words_shown_last(self) -> frozenset[str]:
        """Function words, which stand behind the other concepts; none of a model of labels."""
        return shown_last_of(self.info)

    def annotate(
        self,
        images: Iterable[Picture],
        user_tags: Sequence[str] | None = None,
        batch_size: int = 32,
    ) -> list[ImageAnnotation]:
        """Annotates pictures.

        Args:
          images: paths, encoded bytes, or uint8 arrays (height, width, 3), in any mixture.
          user_tags: one comma-separated string an image, for models with side information.
          batch_size: pictures at once.

        Returns:
          One annotation an image, in order. A picture that cannot be read has an `error` and
          stops no other.

        Raises:
          TypeError: one picture or one string of tags in place of a list.
          ValueError: user tags for a model that has none, or not one string an image.
        """
        _check_arguments(images, user_tags, batch_size)
        images = list(images)
        if user_tags is not None:
            self._check_has_tags(user_tags)
            if len(user_tags) != len(images):
                raise ValueError(
                    f"`user_tags` must hold one string an image, {len(images)}. "
                    f"Received: {len(user_tags)}"
                )
        return list(self.annotate_stream(images, user_tags, batch_size))

    def annotate_stream(
        self,
        images: Iterable[Picture],
        user_tags: Iterable[str] | None = None,
        batch_size: int = 32,
    ) -> Iterator[ImageAnnotation]:
        """Annotates pictures as they come, for collections that no list should hold.

        Files are read and checked in threads and batches are in the network two at a time, so
        that neither waits for the other; no more than a few batches are in memory.

        Args:
          images: as for `annotate`.
          user_tags: as for `annotate`; the shorter of the two ends the answers.
          batch_size: pictures at once.

        Yields:
          One annotation an image, in order.

        Raises:
          ValueError: user tags for a model that has none.
        """
        if user_tags is not None:
            self._check_has_tags(user_tags)
        tags = itertools.repeat(None) if user_tags is None else user_tags
        pairs = zip(images, tags, strict=False)
        readers = ThreadPoolExecutor(2 * (os.cpu_count() or 1))
        callers = ThreadPoolExecutor(_CONCURRENT_CALLS)
        pending: deque[Future] = deque()
        try:
            while batch := list(itertools.islice(pairs, batch_size)):
                reads = [readers.submit(read_image, image, False) for image, _ in batch]
                pending.append(callers.submit(self._annotate_batch, batch, reads))
                if len(pending) > _BATCHES_AHEAD:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        finally:
            # Also where the caller stops listening: what has not begun is let go.
            callers.shutdown(cancel_futures=True)
            readers.shutdown(cancel_futures=True)

    def _check_has_tags(self, user_tags: Iterable[str]) -> None:
        if "serving_with_tags" not in self.signatures:
            shown = list(user_tags)[:3] if isinstance(user_tags, Sequence) else user_tags
            raise ValueError(
                "`user_tags` may be given only to a model with side information. "
                f"Received: user_tags={shown}"
            )

    def _annotate_batch(
        self, batch: list[tuple[Picture, str | None]], reads: list[Future]
    ) -> list[ImageAnnotation]:
        """Annotates a batch whose pictures are being read; those that cannot be fail alone."""
        found: list[ImageAnnotation | None] = [None] * len(batch)
        encoded = {}
        for row, read in enumerate(reads):
            try:
                encoded[row] = read.result()
            except (ValueError, OSError) as error:
                found[row] = ImageAnnotation(None, error=str(error))
        given = [batch[row] for row in encoded]
        made = self._annotate_encoded(list(encoded.values()), given)
        for row, annotation in zip(encoded, made, strict=True):
            found[row] = annotation
        return [annotation for annotation in found if annotation is not None]

    def _annotate_encoded(
        self, encoded: list[bytes], given: list[tuple[Picture, str | None]]
    ) -> list[ImageAnnotation]:
        if not encoded:
            return []
        images, tags = tf.constant(encoded), [tags for _, tags in given]
        if tags[0] is None:
            answer = self.signatures["serving_default"](images=images)
        else:
            answer = self.signatures["serving_with_tags"](
                images=images, user_tags=tf.constant(tags)
            )
        answer = {name: value.numpy() for name, value in answer.items()}
        concepts = [name.decode() for name in answer["concept_names"][0]]
        return [
            annotation_of_row(answer, row, concepts, self.tasks, self.words_shown_last)
            if answer["valid"][row]
            else ImageAnnotation(None, error=_why_refused(image))
            for row, (image, _) in enumerate(given)
        ]


def _check_digests(folder: Path, info: dict[str, Any]) -> None:
    """Refuses an export that is not what was written; one from before digests is told of."""
    digests.check_own_digest(info, folder / INFO_FILE, "path", _FIX)
    if digests.FILE_DIGESTS in info:
        digests.check_files(folder, info[digests.FILE_DIGESTS], "path", _FIX)
    else:
        logger.warning("%s carries no digests: it was exported before they were kept", folder)


class ExportedModel(PictureModel):
    """An exported model.

    Args:
      path: folder of the SavedModel.

    Raises:
      ValueError: the folder holds no export of this project, one of another version, or one of
        which a file is missing, damaged or exchanged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        folder = Path(path)
        if not (folder / INFO_FILE).exists():
            raise ValueError(
                "`path` must be a folder written by the export command. "
                f"Received: path={str(path)!r}"
            )
        info = read_json_object(folder / INFO_FILE, "path", _FIX)
        version = info.get("format_version")
        if version != FORMAT_VERSION:
            raise ValueError(
                f"`path` must hold an export of format version {FORMAT_VERSION}: export the run "
                f"again. Received: format_version={version!r} in {str(path)!r}"
            )
        _check_digests(folder, info)
        try:
            self._module = tf.saved_model.load(str(folder))
        except Exception as error:  # TensorFlow raises whatever the damage leads it to.
            reason = " ".join(str(error).split())[:200]
            raise ValueError(
                f"`path` must hold a whole export: saved_model.pb or variables/ is missing or "
                f"damaged ({reason}). {_FIX} Received: path={str(path)!r}"
            ) from error
        super().__init__(info, self._module.signatures)


def _why_refused(image: Picture) -> str:
    """Returns Pillow's reason not to read a picture that TensorFlow's decoders refuse."""
    try:
        read_image(image)
    except (ValueError, OSError) as error:
        return str(error)
    # It takes a few that they refuse.
    return _not_whole("damaged: TensorFlow's decoder refuses it", _name(image))


def load(path: str | os.PathLike[str]) -> ExportedModel:
    """Loads an exported model; see `ExportedModel`."""
    return ExportedModel(path)


def read_image(image: Picture, read_through: bool = True) -> bytes:
    """Returns a picture as bytes that the model's decoder takes.

    What the graph would read otherwise than preparation does is decoded here, turned upright, and
    passed on as PNG; docs/pictures.md has the table of formats.

    Args:
      image: a path, encoded bytes, or a uint8 array (height, width, 3).
      read_through: whether a damaged picture is found here, before it costs a place in a batch;
        False: its header alone is read where that is enough, and the model's decoder finds it.

    Raises:
      ValueError: no picture that can be read, truncated, or too large.
      OSError: the file cannot be read.
    """
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3 or not image.size:
            raise ValueError(
                "`images` given as arrays must be uint8 of (height, width, 3), not empty. "
                f"Received: {image.dtype} of {image.shape}"
            )
        return tf.io.encode_png(image).numpy()
    try:
        data = image if isinstance(image, bytes) else read_picture_file(image)
        return for_graph(data, whole=read_through)
    except UnreadablePictureError as error:
        raise ValueError(_not_whole(error, _name(image))) from error


def _check_arguments(images: Any, user_tags: Any, batch_size: int) -> None:
    one_array = isinstance(images, np.ndarray) and images.ndim < 4
    if isinstance(images, str | bytes | os.PathLike) or one_array:
        raise TypeError(
            "`images` must be a list of pictures: put brackets around a single one. "
            f"Received: {type(images).__name__}"
        )
    if isinstance(user_tags, str):
        raise TypeError(
            "`user_tags` must be a list of strings, one an image. "
            f"Received: user_tags={user_tags!r}"
        )
    half = lone_surrogate("".join(user_tags)) if isinstance(user_tags, list | tuple) else None
    if half is not None:
        raise ValueError(
            f"`user_tags` must be text that UTF-8 can write: {half} is half of a surrogate pair. "
            f"Received: user_tags={[tags[:60] for tags in user_tags if lone_surrogate(tags)][:1]!a}"
        )
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Received: batch_size={batch_size}")


def _name(image: Picture) -> str:
    return type(image).__name__ if isinstance(image, bytes | np.ndarray) else str(image)


def _not_whole(why: object, name: str) -> str:
    return f"`images` must be whole pictures ({why}). Received: {name}"
