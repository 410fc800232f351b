"""The page's examples: the first good pictures of a folder."""

import pytest

from semreg_tf.serving.examples import MOST, find_examples

LIMITS = {"max_pixels": 100, "max_bytes": 10_000}


def test_pictures_the_server_would_refuse_are_left_out(tmp_path, picture):
    for name, data in {
        "b.png": picture(10, 10),
        "a.JPG": picture(5, 5, "JPEG"),
        "large.png": picture(11, 10),
        "broken.png": b"no",
        "long.bmp": picture(5, 5, "BMP") + bytes(10_000),
        "notes.txt": picture(5, 5),
    }.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder.png").mkdir()
    assert list(find_examples(tmp_path, tmp_path, **LIMITS)) == ["a.JPG", "b.png"]


def test_a_models_own_examples_are_found_and_none_is_no_error(tmp_path, picture):
    assert find_examples(None, tmp_path, **LIMITS) == {}
    own = tmp_path / "assets.extra" / "examples"
    own.mkdir(parents=True)
    for i in range(MOST + 2):
        (own / f"{i:02}.png").write_bytes(picture(4, 4))
    found = find_examples(None, tmp_path, **LIMITS)
    assert len(found) == MOST and found["00.png"] == own / "00.png"


def test_a_folder_without_pictures_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match="`examples` must be a folder of pictures"):
            find_examples(folder, tmp_path, **LIMITS)
