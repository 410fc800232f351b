"""Pictures are measured before they are unpacked."""

import io
import re
import struct
import tracemalloc
import zlib

import PIL.Image
import pytest

from semreg_tf.serving import pictures
from semreg_tf.serving.limits import Refusal
from semreg_tf.serving.pictures import check_picture, picture_pixels

MAX = 1_000_000


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(side):
    """A PNG of one bit a pixel, all the same, that is a thousandth of its unpacked size."""
    packer = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "BMP"])
def test_pictures_of_four_formats_pass(picture, image_format):
    data, pixels = check_picture(picture(30, 20, image_format), MAX)
    assert pixels == 600
    with PIL.Image.open(io.BytesIO(data)) as read:
        assert read.size == (30, 20)


@pytest.mark.parametrize("side", [8_000, 20_000])
def test_a_bomb_is_refused_by_its_header(side, monkeypatch):
    bomb = png_bomb(side)
    assert len(bomb) < 200_000

    def never(*arguments):
        raise AssertionError("it was unpacked")

    monkeypatch.setattr(pictures, "for_graph", never)
    monkeypatch.setattr(PIL.Image.Image, "load", never)
    tracemalloc.start()
    with pytest.raises(Refusal, match="pixels") as refusal:
        check_picture(bomb, MAX)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()
    assert refusal.value.status == 422


def test_the_largest_picture_passes_and_one_more_column_does_not(picture):
    assert check_picture(picture(40, 25), 1000)[1] == 1000
    with pytest.raises(Refusal, match=re.escape("has 41 x 25 pixels; at most 1,000 are allowed")):
        check_picture(picture(41, 25), 1000)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"hello", "in no format that is known"),
        (b"\x00" * 100, "in no format that is known"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "damaged|in no format"),
    ],
)
def test_what_is_no_picture_is_named_so(data, reason):
    with pytest.raises(Refusal, match=f"The picture cannot be read: ({reason})") as refusal:
        check_picture(data, MAX)
    assert refusal.value.status == 422


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "BMP"])
def test_half_a_file_is_damaged(picture, image_format):
    whole = picture(200, 150, image_format)
    with pytest.raises(Refusal, match=r"The picture cannot be read: "):
        check_picture(whole[: len(whole) // 2], MAX)


def test_no_broken_file_raises_anything_else(picture):
    for image_format in ("JPEG", "PNG", "GIF", "BMP"):
        whole = bytearray(picture(20, 15, image_format))
        for at in range(0, len(whole), 3):
            for value in (0, 255):
                broken = bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
                try:
                    check_picture(broken, MAX)
                except Refusal as refusal:
                    assert refusal.status == 422 and "0x" not in refusal.reason


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "BMP"])
def test_the_header_alone_says_how_many_pixels_there_are(picture, image_format, monkeypatch):
    data = picture(30, 20, image_format)
    monkeypatch.setattr(PIL.Image.Image, "load", None)
    assert picture_pixels(data) == 600


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_a_header_that_says_nothing_has_no_pixels(data):
    assert picture_pixels(data) == 0
