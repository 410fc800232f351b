"""Reading of raw picture files, in threads, as JPEG bytes for the shards."""

import collections
import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
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
from semreg_tf.stream_threads import stream_threads

# Quality of re-encoded images; upright RGB or grey JPEGs are stored unchanged.
JPEG_QUALITY = 95
_AHEAD = 64
T = TypeVar("T")


class RawImage(NamedTuple):
    """The result of reading a picture file.

    Attributes:
      jpeg: the bytes of an upright JPEG with one or three channels; None if there is a problem.
      problem: "missing", "corrupt", or None.
      converted: whether it was not an RGB or grey JPEG (but a PNG or a CMYK JPEG, for example).
      turned: whether it was rotated or mirrored by its EXIF orientation.
      reason: a description of the problem.
      digest: a digest of the image; b"" if there is a problem.
    """

    jpeg: bytes | None
    problem: str | None = None
    converted: bool = False
    turned: bool = False
    reason: str = ""
    digest: bytes = b""


def read_image(path: str | PathLike[str], shorter_side: int | None = None) -> RawImage:
    """Reads one picture file as `store_image`; missing and damaged files are returned as problems.

    Raises:
      OSError: the file exists, but the machine or the network fails to read it.
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
    """Converts a picture file for the shards, and decodes it completely to detect damage.

    Args:
      content: the content of a file in one of `picture_decoding.FORMATS`.
      shorter_side: the image is resized if its shorter side has more pixels; None: never.

    Returns:
      `content` itself for upright RGB or grey JPEGs that need not be resized, otherwise a new JPEG,
      or the problem.
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
            # Images of 16 bits may differ although their JPEGs are equal.
            digest = hashlib.sha256(content if deep else jpeg).digest()
            return RawImage(jpeg, None, not is_jpeg, turned, digest=digest)
    except UnreadablePictureError as error:
        return RawImage(None, "corrupt", reason=str(error))


def read_images(
    items: Iterable[tuple[T, str | PathLike[str]]], shorter_side: int | None = None
) -> Iterator[tuple[T, RawImage]]:
    """Reads many picture files as `read_image`, with all cores, a few of them ahead.

    Args:
      items: pairs of any value and the path of a picture file.
      shorter_side: as for `store_image`.

    Yields:
      Pairs of the value and the image, in the order of `items`.
    """
    with stream_threads(os.cpu_count() or 1) as pool:
        pending: collections.deque[tuple[T, Future[RawImage]]] = collections.deque()
        for item, path in items:
            pending.append((item, pool.submit(read_image, path, shorter_side)))
            if len(pending) >= _AHEAD:
                first, future = pending.popleft()
                yield first, future.result()
        for first, future in pending:
            yield first, future.result()


def _check_graph_reads(jpeg: bytes) -> None:
    """Refuses a JPEG that TensorFlow's decoder cannot read at an eighth of its size."""
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
