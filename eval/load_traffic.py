"""The good and bad requests of the load test, and their expected answers."""

import base64
import io
import json
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

BUSY = 429


@dataclass(frozen=True)
class Kind:
    """A kind of request.

    Attributes:
      name: name of the kind.
      share: relative frequency among all kinds.
      body: body of the request.
      code: the expected status, except for 429, after which the request is sent again.
      is_right: checks the answer's JSON.
      path: the part of the URL after the model's name.
    """

    name: str
    share: int
    body: bytes
    code: int
    is_right: Callable[[Any], bool] = lambda answer: bool(answer["error"])
    path: str = ":predict"


def kinds(max_body_bytes: int) -> list[Kind]:
    """Returns the kinds of requests, three quarters of them good; one has a body too large."""
    generator = np.random.default_rng(0)
    photos = [photo(generator, "JPEG") for _ in range(4)]
    png, cut = photo(generator, "PNG"), photos[0][: len(photos[0]) // 2]

    def all_good(answer: Any) -> bool:
        return all("error" not in row and row["annotations"] for row in answer["predictions"])

    def third_is_bad(answer: Any) -> bool:
        return ["error" in row for row in answer["predictions"]] == [False, False, True, False]

    return [
        Kind("a photograph", 60, rows(photos[0]), 200, all_good),
        Kind("a PNG", 10, rows(png), 200, all_good),
        Kind(
            "four, one damaged", 10, rows(photos[1], photos[2], cut, photos[3]), 200, third_is_bad
        ),
        Kind("damaged", 5, rows(cut), 422),
        Kind("no picture", 3, rows(b"no picture at all"), 422),
        Kind("a bomb", 5, rows(png_bomb(20_000)), 422),
        Kind("not JSON", 3, b'{"instances": [', 400),
        Kind("too large", 2, b" " * (max_body_bytes + 1), 413),
        Kind("no such model", 2, rows(png), 404, path="-none:predict"),
    ]


def rows(*pictures: bytes) -> bytes:
    """Returns the body of a predict request."""
    instances = [{"b64": base64.b64encode(data).decode()} for data in pictures]
    return json.dumps({"instances": instances}).encode()


def draw(choices: list[Kind], num_requests: int, seed: int = 0) -> list[Kind]:
    """Returns kinds in random order, each in proportion to its share and at least once."""
    more = random.Random(seed).choices(choices, [kind.share for kind in choices], k=num_requests)
    drawn = (choices + more)[: max(num_requests, len(choices))]
    random.Random(seed).shuffle(drawn)
    return drawn


def photo(generator: np.random.Generator, image_format: str) -> bytes:
    """Returns an encoded random picture of 640 x 480 pixels."""
    coarse = generator.integers(0, 255, (12, 16, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((640, 480), Image.Resampling.BICUBIC).save(buffer, image_format)
    return buffer.getvalue()


def png_bomb(side: int) -> bytes:
    """Returns a PNG of `side` x `side` pixels that is a thousandth of its decoded size."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b"")):
        check = struct.pack(">I", zlib.crc32(name + data))
        png += struct.pack(">I", len(data)) + name + data + check
    return png
