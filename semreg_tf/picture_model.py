"""Annotation of pictures by a model's signatures: files are read ahead, and damaged ones named."""

import io
import itertools
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
from PIL import Image

from semreg_tf.data.picture_decoding import UnreadablePictureError, for_graph
from semreg_tf.data.picture_files import read_picture_file
from semreg_tf.image_annotation import (
    ImageAnnotation,
    annotation_of_row,
    shown_last_of,
    tasks_of,
)
from semreg_tf.stream_threads import stream_threads
from semreg_tf.text.cleaning import lone_surrogate

# Number of concurrent calls: one decodes its pictures while the other runs the network.
_CONCURRENT_CALLS = 2
# Number of batches whose files are read ahead.
_BATCHES_AHEAD = 3

Picture = str | os.PathLike[str] | bytes | np.ndarray


class PictureModel:
    """A model that annotates pictures by its signatures.

    Attributes:
      info: the model's description, which has at least `task`.
      signatures: `serving_default`, and `serving_with_tags` for models that read user tags.
    """

    def __init__(self, info: dict[str, Any], signatures: Mapping[str, Any]) -> None:
        self.info, self.signatures = info, signatures

    @property
    def task(self) -> str:
        """Either "captions" or "tags"."""
        return self.info["task"]

    @property
    def tasks(self) -> tuple[str, ...]:
        """The model's tasks: "captions", "tags", or both."""
        return tasks_of(self.info)

    @property
    def words_shown_last(self) -> frozenset[str]:
        """Function words, which are listed after other concepts; none for models of labels."""
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
          user_tags: one comma-separated string per image, for models with side information.
          batch_size: pictures per batch.

        Returns:
          One annotation per image, in order. The annotation of a picture that cannot be read has an
          `error`; other pictures are not affected.

        Raises:
          TypeError: one picture or one string of tags in place of a list.
          ValueError: user tags for a model that reads none, or not one string per image.
        """
        _check_arguments(images, user_tags, batch_size)
        images = list(images)
        if user_tags is not None:
            self._check_has_tags(user_tags)
            if len(user_tags) != len(images):
                raise ValueError(
                    f"`user_tags` must hold one string per image, {len(images)}. "
                    f"Received: {len(user_tags)}"
                )
        return list(self.annotate_stream(images, user_tags, batch_size))

    def annotate_stream(
        self,
        images: Iterable[Picture],
        user_tags: Iterable[str] | None = None,
        batch_size: int = 32,
    ) -> Iterator[ImageAnnotation]:
        """Annotates a stream of pictures, for large collections.

        Files are read in threads, and two batches are processed at a time, so that neither waits
        for the other; only a few batches are in memory.

        Args:
          images: as for `annotate`.
          user_tags: as for `annotate`; the shorter of both iterables ends the stream.
          batch_size: pictures per batch.

        Yields:
          One annotation per image, in order.

        Raises:
          ValueError: user tags for a model that reads none.
        """
        if user_tags is not None:
            self._check_has_tags(user_tags)
        tags = itertools.repeat(None) if user_tags is None else user_tags
        pairs = zip(images, tags, strict=False)
        pending: deque[Future] = deque()
        num_readers = 2 * (os.cpu_count() or 1)
        # The callers end first, because they wait for the readers.
        with stream_threads(num_readers) as readers, stream_threads(_CONCURRENT_CALLS) as callers:
            while batch := list(itertools.islice(pairs, batch_size)):
                reads = [readers.submit(read_image, image, False) for image, _ in batch]
                pending.append(callers.submit(self._annotate_batch, batch, reads))
                if len(pending) > _BATCHES_AHEAD:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()

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
        """Annotates a batch whose pictures are being read; unreadable ones get an `error`."""
        annotations: list[ImageAnnotation | None] = [None] * len(batch)
        encoded = {}
        for row, read in enumerate(reads):
            try:
                encoded[row] = read.result()
            except (ValueError, OSError) as error:
                annotations[row] = ImageAnnotation(None, error=str(error))
        readable = [batch[row] for row in encoded]
        results = self._annotate_encoded(list(encoded.values()), readable)
        for row, annotation in zip(encoded, results, strict=True):
            annotations[row] = annotation
        return [annotation for annotation in annotations if annotation is not None]

    def _annotate_encoded(
        self, encoded: list[bytes], batch: list[tuple[Picture, str | None]]
    ) -> list[ImageAnnotation]:
        if not encoded:
            return []
        answer = self.answer(encoded, [tags for _, tags in batch])
        concepts = [name.decode() for name in answer["concept_names"][0]]
        return [
            annotation_of_row(answer, row, concepts, self.tasks, self.words_shown_last)
            if answer["valid"][row]
            else ImageAnnotation(None, error=_refusal_reason(image))
            for row, (image, _) in enumerate(batch)
        ]

    def answer(self, encoded: list[bytes], tags: list[str | None]) -> dict[str, np.ndarray]:
        """Returns the outputs of the signatures by name, the batch first.

        Args:
          encoded: files of pictures that `read_image` has passed.
          tags: the user tags of each, or None of all.
        """
        import tensorflow as tf

        if tags[0] is None:
            outputs = self.signatures["serving_default"](images=tf.constant(encoded))
        else:
            outputs = self.signatures["serving_with_tags"](
                images=tf.constant(encoded), user_tags=tf.constant(tags)
            )
        return {name: value.numpy() for name, value in outputs.items()}


def read_image(image: Picture, read_through: bool = True) -> bytes:
    """Returns a picture as bytes that the model's decoder reads.

    Pictures that the graph would not read like preparation does are decoded here, rotated upright
    and returned as PNG; docs/pictures.md has the table of formats.

    Args:
      image: a path, encoded bytes, or a uint8 array (height, width, 3).
      read_through: whether damage is detected here, before the picture is part of a batch; False:
        only the header is read if that is sufficient, and the model's decoder detects damage.

    Raises:
      ValueError: the picture cannot be read, is truncated, or is too large.
      OSError: the file cannot be read.
    """
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3 or not image.size:
            raise ValueError(
                "`images` given as arrays must be uint8 of (height, width, 3), not empty. "
                f"Received: {image.dtype} of {image.shape}"
            )
        out = io.BytesIO()
        Image.fromarray(image).save(out, "PNG", compress_level=1)
        return out.getvalue()
    try:
        data = image if isinstance(image, bytes) else read_picture_file(image)
        return for_graph(data, whole=read_through)
    except UnreadablePictureError as error:
        raise ValueError(_not_whole(error, _name(image))) from error


def _refusal_reason(image: Picture) -> str:
    """Returns Pillow's reason for refusing a picture that TensorFlow's decoders refused."""
    try:
        read_image(image)
    except (ValueError, OSError) as error:
        return str(error)
    # Pillow reads a few pictures that TensorFlow's decoders refuse.
    return _not_whole("damaged: TensorFlow's decoder refuses it", _name(image))


def _check_arguments(images: Any, user_tags: Any, batch_size: int) -> None:
    one_array = isinstance(images, np.ndarray) and images.ndim < 4
    if isinstance(images, str | bytes | os.PathLike) or one_array:
        raise TypeError(
            "`images` must be a list of pictures: put brackets around a single one. "
            f"Received: {type(images).__name__}"
        )
    if isinstance(user_tags, str):
        raise TypeError(
            "`user_tags` must be a list of strings, one per image. "
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


def _not_whole(reason: object, name: str) -> str:
    return f"`images` must be whole pictures ({reason}). Received: {name}"
