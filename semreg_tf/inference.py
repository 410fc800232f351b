"""Annotating pictures with an exported model: TensorFlow and the SavedModel, nothing else of ours.

Example:
  import semreg_tf
  model = semreg_tf.load("runs/export")
  for found in model.annotate(["beach.jpg", "street.png"]):
      print(found.text, found.concepts[:3])
"""

import io
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

INFO_FILE = Path("assets.extra") / "semreg_tf.json"
# More pixels than any camera's: a file that unpacks to more is refused, not unpacked.
MAX_PIXELS = 100_000_000
FORMATS = ("JPEG", "PNG", "GIF", "BMP")


@dataclass(frozen=True)
class ImageAnnotation:
    """What the model says of one picture.

    Attributes:
      text: the best caption, or the labels in predicted order, comma-separated; None if `error`.
      n_best: (text, score) pairs, best first; scores are log probabilities.
      concepts: (name, probability) pairs, most probable first.
      error: why the picture could not be read, or None.
    """

    text: str | None
    n_best: tuple[tuple[str, float], ...] = ()
    concepts: tuple[tuple[str, float], ...] = ()
    error: str | None = None


class ExportedModel:
    """An exported model.

    Args:
      path: folder of the SavedModel.

    Raises:
      ValueError: the folder holds no export of this project.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        folder = Path(path)
        if not (folder / INFO_FILE).exists():
            raise ValueError(
                "`path` must be a folder written by the export command. "
                f"Received: path={str(path)!r}"
            )
        self.info = json.loads((folder / INFO_FILE).read_text(encoding="utf-8"))
        self._module = tf.saved_model.load(str(folder))
        self.signatures = self._module.signatures

    @property
    def task(self) -> str:
        """Either "captions" or "tags"."""
        return self.info["task"]

    def annotate(
        self,
        images: Iterable[str | os.PathLike[str] | bytes | np.ndarray],
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
            self._check_tags(user_tags, len(images))
        found: list[ImageAnnotation | None] = [None] * len(images)
        for start in range(0, len(images), batch_size):
            rows, encoded = [], []
            for row in range(start, min(start + batch_size, len(images))):
                try:
                    encoded.append(read_image(images[row]))
                    rows.append(row)
                except (ValueError, OSError) as error:
                    found[row] = ImageAnnotation(None, error=str(error))
            tags = None if user_tags is None else [user_tags[r] for r in rows]
            names = [_name(images[r]) for r in rows]
            for row, annotation in zip(
                rows, self._annotate_each(encoded, tags, names), strict=True
            ):
                found[row] = annotation
        return [a for a in found if a is not None]

    def _check_tags(self, user_tags: Sequence[str], num_images: int) -> None:
        if "serving_with_tags" not in self.signatures:
            raise ValueError(
                "`user_tags` may be given only to a model with side information. "
                f"Received: user_tags={list(user_tags)[:3]}"
            )
        if len(user_tags) != num_images:
            raise ValueError(
                f"`user_tags` must hold one string an image, {num_images}. "
                f"Received: {len(user_tags)}"
            )

    def _annotate_each(
        self, encoded: list[bytes], tags: list[str] | None, names: list[str]
    ) -> list[ImageAnnotation]:
        """Annotates a batch; where the model's decoder refuses it, its pictures one by one."""
        try:
            return self._annotate_encoded(encoded, tags)
        except tf.errors.InvalidArgumentError:
            if len(encoded) == 1:
                return [ImageAnnotation(None, error=_not_whole("TensorFlow refuses it", names[0]))]
        return [
            self._annotate_each([one], tags and [tags[i]], [names[i]])[0]
            for i, one in enumerate(encoded)
        ]

    def _annotate_encoded(
        self, encoded: list[bytes], tags: list[str] | None
    ) -> list[ImageAnnotation]:
        if not encoded:
            return []
        images = tf.constant(encoded)
        if tags is None:
            answer = self.signatures["serving_default"](images=images)
        else:
            answer = self.signatures["serving_with_tags"](
                images=images, user_tags=tf.constant(tags)
            )
        names = [n.decode() for n in answer["concept_names"].numpy()]
        probabilities = answer["concept_probabilities"].numpy()
        texts, scores = answer["annotations"].numpy(), answer["scores"].numpy()
        made = []
        for row in range(len(encoded)):
            order = np.argsort(-probabilities[row], kind="stable")
            n_best = tuple(
                (text.decode(), float(score))
                for text, score in zip(texts[row], scores[row], strict=True)
                if np.isfinite(score)
            )
            concepts = tuple((names[i], float(probabilities[row, i])) for i in order)
            made.append(ImageAnnotation(texts[row][0].decode(), n_best, concepts))
        return made


def load(path: str | os.PathLike[str]) -> ExportedModel:
    """Loads an exported model; see `ExportedModel`."""
    return ExportedModel(path)


def read_image(image: str | os.PathLike[str] | bytes | np.ndarray) -> bytes:
    """Returns a picture as bytes that the model's decoder takes.

    The decoder inside the graph raises for a whole batch, so every picture is read through once
    here first. What it reads otherwise than Pillow is converted to PNG, transparency dropped.

    Raises:
      ValueError: not a JPEG, PNG, GIF or BMP, truncated, or too large.
      OSError: the file cannot be read.
    """
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3 or not image.size:
            raise ValueError(
                "`images` given as arrays must be uint8 of (height, width, 3), not empty. "
                f"Received: {image.dtype} of {image.shape}"
            )
        return tf.io.encode_png(image).numpy()
    name = _name(image)
    data = image if isinstance(image, bytes) else Path(image).read_bytes()
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise ValueError(
                    f"`images` must have at most {MAX_PIXELS:,} pixels. "
                    f"Received: {width} x {height} in {name}"
                )
            picture.draft("RGB", (64, 64))
            picture.load()
            # Pillow would clip sixteen bits, not scale them.
            plain = picture.mode in ("RGB", "L", "I;16") and picture.format != "GIF"
            return data if plain else _as_png(data)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(_not_whole(error, name)) from error


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
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Received: batch_size={batch_size}")


def _name(image: str | os.PathLike[str] | bytes | np.ndarray) -> str:
    return type(image).__name__ if isinstance(image, bytes | np.ndarray) else str(image)


def _not_whole(why: object, name: str) -> str:
    return f"`images` must be whole JPEG, PNG, GIF or BMP pictures ({why}). Received: {name}"


def _as_png(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        out = io.BytesIO()
        picture.convert("RGB").save(out, "PNG", compress_level=1)
        return out.getvalue()
