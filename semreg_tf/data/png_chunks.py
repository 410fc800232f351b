"""Detection of damage in PNG files that Pillow ignores and TensorFlow's decoder refuses."""

import struct
import zlib

_SIGNATURE_BYTES, _AROUND_DATA_BYTES = 8, 12
_END = b"IEND"


def png_damage(data: bytes) -> str | None:
    """Returns what is wrong with the critical chunks of a PNG, or None if they are intact.

    PNG specification, sections 5.3 and 5.4: a chunk is length, name, data and the CRC-32 of name
    and data; the names of critical chunks start with a capital letter.
    """
    view, start = memoryview(data), _SIGNATURE_BYTES
    while start + _AROUND_DATA_BYTES <= len(view):
        (length,) = struct.unpack_from(">I", view, start)
        end = start + _AROUND_DATA_BYTES + length
        if end > len(view):
            break
        name = bytes(view[start + 4 : start + 8])
        if name[:1].isupper():
            (checksum,) = struct.unpack_from(">I", view, end - 4)
            if zlib.crc32(view[start + 4 : end - 4]) != checksum:
                return f"the checksum of its part {name.decode('latin-1')} is wrong"
        if name == _END:
            return None
        start = end
    return "its end is missing"
