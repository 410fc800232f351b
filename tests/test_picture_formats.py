"""Every format of docs/pictures.md: preparation, annotation, server and export see one picture.

What reaches a network is what TensorFlow's decoder, the one inside pipelines and exports, makes of
the bytes that each of the four hands on.
"""

import io
import os
import re
import socket
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from data_prep.images import read_image as prepare_image
from data_prep.images import store_image
from semreg_tf import picture_model
from semreg_tf.data.picture_decoding import (
    MAX_PIXELS,
    UnreadablePictureError,
    open_picture,
    orientation,
)
from semreg_tf.serving.limits import Refusal
from semreg_tf.serving.pictures import check_picture
from tests.picture_samples import GREY_SCENE, REFUSED, SAMPLES, SCENE, TURNED, save

DOCS = Path(__file__).parents[1] / "docs" / "pictures.md"


def stored(data):
    """Bytes as a shard holds them: training reads these."""
    return store_image(data).jpeg


def stored_and_annotated(data):
    """What `--compare_on` shows an export: stored pictures, read as annotation reads files."""
    return picture_model.read_image(stored(data))


# The four places, each from a file's bytes to those that a decoder in a graph is given.
PLACES = {
    "preparation": stored,
    "annotate": picture_model.read_image,
    "serve": lambda data: check_picture(data, MAX_PIXELS)[0],
    "compare_on": stored_and_annotated,
}


def decoded(data):
    return tf.io.decode_image(data, channels=3, expand_animations=False).numpy().astype(float)


@pytest.mark.parametrize("name", [*SAMPLES, *TURNED])
def test_every_format_shows_its_picture_in_all_places(name):
    grey = GREY_SCENE if "grey" in name else SCENE
    data, pixels, error = SAMPLES.get(name) or (TURNED[name], grey, 2)
    for place, read in PLACES.items():
        seen = decoded(read(data))
        assert seen.shape == pixels.shape, place
        assert np.abs(seen - pixels).mean() < error, place
    image = store_image(data)
    assert image.turned == (name in TURNED)
    with Image.open(io.BytesIO(image.jpeg)) as kept:
        assert (kept.format in ("JPEG", "MPO"), orientation(kept)) == (True, 1)


@pytest.mark.parametrize("name", ["JPEG", "JPEG, progressive", "JPEG, grey", "MPO"])
def test_upright_jpegs_go_through_untouched_everywhere(name):
    data = SAMPLES[name][0]
    assert all(read(data) is data for read in PLACES.values())


@pytest.mark.parametrize("name", ["PNG", "PNG, grey", "APNG"])
def test_plain_pngs_go_to_the_graph_untouched(name):
    data = SAMPLES[name][0]
    assert picture_model.read_image(data) is check_picture(data, MAX_PIXELS)[0] is data


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_for_one_reason_everywhere(name):
    data, reason = REFUSED[name]
    image = store_image(data)
    assert (image.jpeg, image.problem) == (None, "corrupt")
    assert image.reason.startswith(reason)
    assert "\n" not in image.reason and "0x" not in image.reason
    with pytest.raises(ValueError, match=re.escape(f"({image.reason}). Received: bytes")):
        picture_model.read_image(data)
    with pytest.raises(Refusal) as refusal:
        check_picture(data, MAX_PIXELS)
    # A server's own limit may be told instead of Pillow's.
    assert refusal.value.reason == f"The picture cannot be read: {image.reason}."


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (7, 40), (40, 7)])
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_thin_and_tiny_pictures_are_read_everywhere(size, image_format):
    data = save(np.full((*size, 3), 90, np.uint8), image_format)
    for place, read in PLACES.items():
        seen = decoded(read(data))
        assert seen.shape == (*size, 3), place
        assert np.abs(seen - 90).mean() < 3, place
    assert store_image(data, shorter_side=16).problem is None


@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_pictures_that_differ_below_eight_bits_are_two(image_format):
    first = np.full((8, 8), 25_700, np.uint16)
    one, other = (store_image(save(pixels, image_format)) for pixels in (first, first + 1))
    assert one.jpeg == other.jpeg
    assert one.digest != other.digest
    assert one.digest == store_image(save(first, image_format)).digest


def test_the_same_pixels_are_one_picture_in_two_formats_that_lose_none():
    assert store_image(save(SCENE, "PNG")).digest == store_image(save(SCENE, "BMP")).digest
    assert store_image(save(SCENE, "PNG")).digest != store_image(save(SCENE[::-1], "PNG")).digest


def test_damaged_metadata_leave_the_picture_as_it_is_stored():
    data = TURNED["JPEG 6"]
    broken = data.replace(b"Exif\0\0MM", b"Exif\0\0??").replace(b"Exif\0\0II", b"Exif\0\0??")
    assert broken != data
    for read in PLACES.values():
        assert decoded(read(broken)).shape == (96, 64, 3)


def test_big_endian_sixteen_bits_are_scaled():
    values = Image.fromarray(np.full((4, 4), 0x8001, ">u2"))
    with open_picture(save(values, "TIFF")) as image:
        assert image.mode == "I;16B"
    assert np.abs(decoded(picture_model.read_image(save(values, "TIFF"))) - 128).max() == 0


def special_files(folder):
    """Name -> (path, what it is called)."""
    os.mkfifo(folder / "pipe.jpg")
    (folder / "folder.jpg").mkdir()
    (folder / "link.jpg").symlink_to(folder / "pipe.jpg")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / "s.jpg"))
    server.close()
    return {
        folder / "pipe.jpg": "a named pipe, not a file",
        folder / "link.jpg": "a named pipe, not a file",
        folder / "folder.jpg": "a folder, not a file",
        folder / "s.jpg": "a socket, not a file",
        Path("/dev/zero"): "a device, not a file",
    }


def test_what_is_no_file_is_refused_at_once(tmp_path, monkeypatch):
    # A socket's path is short.
    monkeypatch.chdir(tmp_path)
    for path, reason in special_files(Path()).items():
        image = prepare_image(path)
        assert (image.jpeg, image.problem, image.reason) == (None, "missing", reason)
        with pytest.raises(ValueError, match=re.escape(f"({reason}). Received: {path}")):
            picture_model.read_image(path)


def test_a_heic_without_its_reader_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    formats = ("JPEG", "PNG")
    monkeypatch.setattr("semreg_tf.data.picture_decoding.readable_formats", lambda: formats)
    heic = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00heicmif1"
    with pytest.raises(UnreadablePictureError, match=re.escape("extra `heic`")), open_picture(heic):
        pass


def test_the_page_offers_every_suffix():
    from semreg_tf.data.picture_files import SUFFIXES

    page = Path(picture_model.__file__).parent / "serving" / "page.html"
    accept = re.search(r'type="file" [^>]*accept="([^"]+)"', page.read_text(encoding="utf-8"))[1]
    # Browsers know these themselves, under `image/*`.
    known = {".jpg", ".jpeg", ".png", ".gif", ".bmp"}
    assert set(SUFFIXES) - known <= set(accept.split(",")) and "image/*" in accept


def test_the_table_in_the_docs_names_every_format():
    rows = re.findall(r"^\| ([^|]+?) +\|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    for name in (*SAMPLES, "HEIC", "AVIF"):
        assert name.split(",")[0] in " ".join(rows), name
