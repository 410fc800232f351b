"""Pictures and bodies of the requests to a server under attack."""

import base64
import io
import json
import struct
import zlib

import numpy as np
from PIL import Image

BUSY = 429


def rows(*pictures: bytes) -> bytes:
    """Returns the body of a predict request."""
    instances = [{"b64": base64.b64encode(data).decode()} for data in pictures]
    return json.dumps({"instances": instances}).encode()


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
