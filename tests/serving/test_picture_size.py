"""Pixels are counted by the header alone."""

import PIL.Image
import pytest

from semreg_tf.serving.picture_size import picture_pixels


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "BMP"])
def test_the_header_says_how_many(picture, image_format, monkeypatch):
    data = picture(30, 20, image_format)
    monkeypatch.setattr(PIL.Image.Image, "load", None)
    assert picture_pixels(data) == 600


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_what_says_nothing_has_none(data):
    assert picture_pixels(data) == 0
