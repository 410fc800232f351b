"""The copy: the picture as it was, and below it all of the text."""

import io

import numpy as np
import PIL.Image
import pytest
from PIL import ExifTags, ImageCms

from semreg_tf.annotating.captioned_copy import (
    _font,
    captioned_jpeg,
    check_font,
    copy_names,
    unique_copy_name,
    wrap,
)


def encoded(width=200, height=120, **options):
    x, y = np.meshgrid(np.linspace(40, 120, width), np.linspace(60, 200, height))
    pixels = np.stack([x, y, 0 * x + 90], axis=-1).astype(np.uint8)
    out = io.BytesIO()
    PIL.Image.fromarray(pixels).save(out, "PNG", **options)
    return out.getvalue(), pixels


def opened(data):
    return np.asarray(PIL.Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def test_the_picture_stays_and_the_text_is_below():
    data, pixels = encoded()
    copy = opened(captioned_jpeg(data, "a dog runs"))
    assert copy.shape[1] == 200
    assert copy.shape[0] > 120 + 14
    assert np.abs(copy[:116] - pixels[:116]).max() < 12
    band = copy[124:]
    assert band.min() < 60
    assert np.median(band) > 250
    blank = opened(captioned_jpeg(data, ""))[124:]
    assert blank.min() > 230


def test_more_text_makes_it_higher_and_stays_inside():
    data, _ = encoded()
    heights = [opened(captioned_jpeg(data, "word " * n)).shape[0] for n in (1, 12, 40)]
    assert heights == sorted(set(heights))
    band = opened(captioned_jpeg(data, "word " * 40))[128:]
    assert band[:, :4].min() > 200
    assert band[:, -4:].min() > 200
    assert band[-4:].min() > 200


@pytest.mark.parametrize("width", [30, 80, 300])
def test_lines_fit_and_lose_no_letter(width):
    font = _font(None, 14)
    text = "the quick  brown fox jumps over incomprehensibilities and Übergröße"
    lines = wrap(text, font, width)
    assert all(font.getlength(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    if width == 300:
        assert " ".join(lines).split() == text.split()
    assert wrap("", font, width) == []


def test_a_picture_on_its_side_is_turned():
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    data, _ = encoded(width=120, height=40, exif=exif)
    assert opened(captioned_jpeg(data, "x")).shape[1] == 40


def test_names_are_the_files_own_unless_two_would_be_one():
    paths = ["a/dog.png", "b/Dog.jpg", "cat.gif", "/"]
    names = copy_names(paths)
    assert names["cat.gif"] == "cat.jpg"
    assert len({n.lower() for n in names.values()}) == 4
    assert names["a/dog.png"] == unique_copy_name("a/dog.png")
    assert names["a/dog.png"].startswith("dog-")
    assert names["/"] == "picture.jpg"


def test_a_font_that_is_none_is_refused(tmp_path):
    (tmp_path / "font.ttf").write_text("no font")
    for path in (tmp_path / "font.ttf", tmp_path / "missing.ttf"):
        with pytest.raises(ValueError, match="`font` must be a TrueType or OpenType file"):
            check_font(str(path))
    check_font(None)


def test_a_copy_keeps_the_photographs_metadata_and_lies_upright():
    exif = PIL.Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Orientation] = "Camera", 6
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    inner[ExifTags.Base.DateTimeOriginal] = "2020:01:02 03:04:05"
    inner[ExifTags.Base.ExifImageWidth] = 200
    exif.get_ifd(ExifTags.IFD.GPSInfo)[1] = "N"
    profile, xmp = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), b"<x/>"
    data, _ = encoded(exif=exif, icc_profile=profile)
    with PIL.Image.open(io.BytesIO(captioned_jpeg(data, "a dog"))) as copy:
        kept = copy.getexif()
        assert copy.size[0] == 120 and copy.size[1] > 200
        assert (kept[ExifTags.Base.Make], kept[ExifTags.Base.Orientation]) == ("Camera", 1)
        inner = kept.get_ifd(ExifTags.IFD.Exif)
        assert inner[ExifTags.Base.DateTimeOriginal] == "2020:01:02 03:04:05"
        assert inner[ExifTags.Base.ExifImageWidth] == 120
        assert kept.get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"
        assert copy.info["icc_profile"] == profile
    out = io.BytesIO()
    PIL.Image.new("RGB", (50, 40)).save(out, "JPEG", xmp=xmp)
    with PIL.Image.open(io.BytesIO(captioned_jpeg(out.getvalue(), "a"))) as copy:
        assert copy.info["xmp"] == xmp


def test_metadata_that_no_jpeg_holds_or_that_are_damaged_are_left_out():
    exif = PIL.Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "x" * 70_000
    data, _ = encoded(exif=exif)
    for given in (data, encoded(exif=b"Exif\0\0II*\0\xff\xff\xff\xff")[0]):
        with PIL.Image.open(io.BytesIO(captioned_jpeg(given, "a dog"))) as copy:
            assert not copy.getexif() and copy.size[0] == 200


def test_names_of_copies_may_keep_their_endings():
    paths = ["a/dog.png", "b/dog.PNG", "dog.jpg"]
    names = copy_names(paths, suffix=None)
    assert names["dog.jpg"] == "dog.jpg" and len({n.lower() for n in names.values()}) == 3
    assert [names[p][-4:] for p in paths] == [".png", ".PNG", ".jpg"]
