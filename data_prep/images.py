"""Reads raw picture files into JPEG bytes for the shards, in threads."""

import collections
import io
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from os import PathLike
from typing import NamedTuple, TypeVar

import PIL.Image
from etils import epath

# For pictures that are stored anew; files that are RGB or grey JPEG already stay as they are.
JPEG_QUALITY = 95
_AHEAD = 64
T = TypeVar("T")


class RawImage(NamedTuple):
    """What became of a file: `jpeg` holds bytes, or `problem` says why there are none.

    Attributes:
      jpeg: the bytes of a JPEG file with one or three channels, or None.
      problem: "missing" or "corrupt", or None.
      shrunk: whether it had more pixels than wanted.
      converted: whether it was no RGB or grey JPEG (but a PNG, a CMYK JPEG).
    """

    jpeg: bytes | None
    problem: str | None = None
    shrunk: bool = False
    converted: bool = False


def read_image(path: str | PathLike[str], shorter_side: int | None = None) -> RawImage:
    """Reads one picture file; one that is missing or damaged raises nothing.

    Args:
      path: the file.
      shorter_side: as in `store_image`.

    Returns:
      The bytes, or the problem.
    """
    try:
        return store_image(epath.Path(path).read_bytes(), shorter_side)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return RawImage(None, "missing")


def store_image(content: bytes, shorter_side: int | None = None) -> RawImage:
    """Makes a picture fit for the shards, and decodes it whole to find damage.

    Args:
      content: a picture file in any format PIL knows, whatever its name says.
      shorter_side: shrink it where its shorter side has more pixels; None: never.

    Returns:
      `content` itself where it is an RGB or grey JPEG that need not shrink, else a JPEG made of
      it, or the problem.
    """
    try:
        with PIL.Image.open(io.BytesIO(content)) as image:
            plain = image.format == "JPEG" and image.mode in ("RGB", "L")
            shrink = shorter_side is not None and min(image.size) > shorter_side
            if plain and not shrink:
                # A coarse decode reads the file to its end at a third of the time.
                image.draft(image.mode, (image.width // 8, image.height // 8))
                image.load()
                return RawImage(content)
            image.load()
            jpeg = _encode(image, shorter_side if shrink else None)
            return RawImage(jpeg, shrunk=shrink, converted=not plain)
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError):
        return RawImage(None, "corrupt")


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


def _encode(image: PIL.Image.Image, shorter_side: int | None) -> bytes:
    image = image.convert("RGB")
    if shorter_side is not None:
        ratio = shorter_side / min(image.size)
        size = [max(shorter_side, round(side * ratio)) for side in image.size]
        image = image.resize(tuple(size), PIL.Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
