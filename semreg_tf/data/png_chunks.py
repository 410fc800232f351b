"""Damage of PNG files that Pillow passes over, and that TensorFlow's decoder stops at."""

import struct
import zlib

_SIGNATURE_BYTES, _AROUND_DATA_BYTES = 8, 12
_END = b"IEND"


def png_damage(data: bytes) -> str | None:
    """Returns what is wrong with the chunks of a PNG that hold the picture; None: nothing.

    The PNG specification, sections 5.3 and 5.4: length, name, data, CRC-32 of name and data; the
    first letter of a name is a capital where a picture cannot be shown without the chunk.

    Args:
      data: the file, whose signature has been read.
    """
    view, place = memoryview(data), _SIGNATURE_BYTES
    while place + _AROUND_DATA_BYTES <= len(view):
        (length,) = struct.unpack_from(">I", view, place)
        end = place + _AROUND_DATA_BYTES + length
        if end > len(view):
            break
        name = bytes(view[place + 4 : place + 8])
        if name[:1].isupper():
            (checksum,) = struct.unpack_from(">I", view, end - 4)
            if zlib.crc32(view[place + 4 : end - 4]) != checksum:
                return f"the checksum of its part {name.decode('latin-1')} is wrong"
        if name == _END:
            return None
        place = end
    return "its end is missing"
