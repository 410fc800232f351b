import io

import PIL.Image
import pytest

from data_prep.images import read_image, read_images, store_image


def size(content):
    return PIL.Image.open(io.BytesIO(content)).size


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_plain_jpegs_keep_their_bytes(draw_picture, mode):
    content = draw_picture(40, 30, 1, mode=mode)
    image = store_image(content)
    assert image.jpeg == content
    assert (image.problem, image.converted) == (None, False)


@pytest.mark.parametrize(
    ("image_format", "mode"), [("PNG", "RGB"), ("PNG", "P"), ("JPEG", "CMYK"), ("GIF", "RGB")]
)
def test_other_pictures_become_rgb_jpegs(draw_picture, image_format, mode):
    image = store_image(draw_picture(40, 30, 1, image_format, mode))
    assert image.converted
    with PIL.Image.open(io.BytesIO(image.jpeg)) as stored:
        assert (stored.format, stored.mode, stored.size) == ("JPEG", "RGB", (40, 30))


def test_the_shorter_side_is_limited(draw_picture):
    image = store_image(draw_picture(120, 40, 1), shorter_side=20)
    assert size(image.jpeg) == (60, 20)
    assert not image.converted
    tall = store_image(draw_picture(40, 121, 1), shorter_side=20)
    assert size(tall.jpeg) == (20, 60)


def test_small_pictures_are_never_enlarged(draw_picture):
    content = draw_picture(120, 20, 1)
    assert store_image(content, shorter_side=20).jpeg == content


@pytest.mark.parametrize("length", [0, 10, 200, -40])
def test_truncated_pictures_are_corrupt(draw_picture, length):
    image = store_image(draw_picture(64, 64, 1)[:length])
    assert image.jpeg is None
    assert image.problem == "corrupt"


@pytest.mark.parametrize("content", [b"<html>not found</html>", b"\xff\xd8\xff\xe0 no more"])
def test_what_is_no_picture_is_corrupt(content):
    assert store_image(content).problem == "corrupt"


def test_a_jpeg_that_the_input_pipeline_could_not_decode_is_corrupt(draw_picture):
    whole = draw_picture(64, 48, 1)
    image = store_image(whole[:-2] + b"\xce\xd9")
    assert (image.problem, image.jpeg) == ("corrupt", None)
    assert image.reason == "damaged: TensorFlow's decoder refuses it"


def test_a_missing_file_is_a_problem_and_no_error(tmp_path):
    assert read_image(tmp_path / "nowhere.jpg").problem == "missing"
    assert read_image(tmp_path).problem == "missing"


def test_a_file_that_may_not_be_read_is_a_problem_and_no_error(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("data_prep.images.read_picture_file", refuse)
    image = read_image(tmp_path / "a.jpg")
    assert (image.problem, image.reason) == ("corrupt", "no permission to read it")


def test_many_pictures_come_in_order(tmp_path, draw_picture):
    items = []
    for i in range(150):
        path = tmp_path / f"{i}.jpg"
        if i % 7:
            path.write_bytes(draw_picture(8 + i, 8, i))
        items.append((i, path))
    results = list(read_images(iter(items)))
    assert [i for i, _ in results] == list(range(150))
    for i, image in results:
        assert (image.problem == "missing") == (i % 7 == 0)
        assert image.jpeg is None or size(image.jpeg) == (8 + i, 8)
