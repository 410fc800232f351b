"""Reads raw picture files into JPEG bytes for the shards, in threads."""

import collections
import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from os import PathLike
from typing import NamedTuple, TypeVar

import PIL.Image
import tensorflow as tf

from semreg_tf.data.picture_decoding import (
    JPEG_FORMATS,
    UnreadablePictureError,
    is_deep,
    is_read_by_graph,
    is_turned,
    open_picture,
    read_through,
    upright,
)
from semreg_tf.data.picture_files import read_picture_file

# Quality of pictures that are re-encoded; upright RGB or grey JPEGs are stored unchanged.
JPEG_QUALITY = 95
_AHEAD = 64
T = TypeVar("T")


class RawImage(NamedTuple):
    """What became of a file: `jpeg` holds bytes, or `problem` says why there are none.

    Attributes:
      jpeg: the bytes of an upright JPEG file with one or three channels, or None.
      problem: "missing" or "corrupt", or None.
      shrunk: whether it had more pixels than wanted.
      converted: whether it was no RGB or grey JPEG (but a PNG, a CMYK JPEG).
      turned: whether its EXIF orientation said that it lay on its side, its head, or mirrored.
      reason: what is wrong with it, in words, where there is a problem.
      digest: equal for equal pictures only; b"" where there is a problem.
    """

    jpeg: bytes | None
    problem: str | None = None
    shrunk: bool = False
    converted: bool = False
    turned: bool = False
    reason: str = ""
    digest: bytes = b""


def read_image(path: str | PathLike[str], shorter_side: int | None = None) -> RawImage:
    """Reads one picture file; one that is missing, no file, or damaged raises nothing.

    Args:
      path: the file.
      shorter_side: as in `store_image`.

    Returns:
      The bytes, or the problem.

    Raises:
      OSError: the file is there, but the machine or the network does not give it.
    """
    try:
        return store_image(read_picture_file(path), shorter_side)
    except (FileNotFoundError, NotADirectoryError):
        return RawImage(None, "missing", reason="no such file")
    except PermissionError:
        return RawImage(None, "corrupt", reason="no permission to read it")
    except UnreadablePictureError as error:
        return RawImage(None, "missing", reason=str(error))


def store_image(content: bytes, shorter_side: int | None = None) -> RawImage:
    """Makes a picture fit for the shards, and decodes it whole to find damage.

    Args:
      content: a picture file of `picture_decoding.FORMATS`, whatever its name says.
      shorter_side: shrink it where its shorter side has more pixels; None: never.

    Returns:
      `content` itself where it is an upright RGB or grey JPEG that need not shrink, else a JPEG
      made of it, or the problem.
    """
    try:
        with open_picture(content) as image:
            is_jpeg = image.format in JPEG_FORMATS and image.mode in ("RGB", "L")
            turned = is_turned(image)
            shrink = shorter_side is not None and min(image.size) > shorter_side
            if is_jpeg and is_read_by_graph(image, content) and not shrink:
                read_through(image)
                _check_graph_reads(content)
                return RawImage(content, digest=hashlib.sha256(content).digest())
            deep = is_deep(image, content)
            jpeg = _encode(upright(image), shorter_side if shrink else None)
            # Eight bits of two pictures may be equal where their sixteen are not.
            digest = hashlib.sha256(content if deep else jpeg).digest()
            return RawImage(jpeg, None, shrink, not is_jpeg, turned, digest=digest)
    except UnreadablePictureError as error:
        return RawImage(None, "corrupt", reason=str(error))


def read_images(
    items: Iterable[tuple[T, str | PathLike[str]]], shorter_side: int | None = None
) -> Iterator[tuple[T, RawImage]]:
    """Reads many pictures with all cores, a few ahead of the caller.

    Args:
      items: what to hand back with each picture, and the picture's path.
      shorter_side: as in `read_image`.

    Yields:
      Each item's first part and its picture, in the order of `items`.
    """
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        pending: collections.deque[tuple[T, Future[RawImage]]] = collections.deque()
        for item, path in items:
            pending.append((item, pool.submit(read_image, path, shorter_side)))
            if len(pending) >= _AHEAD:
                first, future = pending.popleft()
                yield first, future.result()
        for first, future in pending:
            yield first, future.result()


def _check_graph_reads(jpeg: bytes) -> None:
    """Refuses a JPEG that the decoder of the input pipeline stops at, at an eighth of its size."""
    try:
        tf.io.decode_jpeg(jpeg, channels=3, ratio=8)
    except tf.errors.InvalidArgumentError:
        raise UnreadablePictureError("damaged: TensorFlow's decoder refuses it") from None


def _encode(image: PIL.Image.Image, shorter_side: int | None) -> bytes:
    if shorter_side is not None:
        ratio = shorter_side / min(image.size)
        size = [max(shorter_side, round(side * ratio)) for side in image.size]
        image = image.resize(tuple(size), PIL.Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
