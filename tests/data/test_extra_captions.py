import logging

import pytest

from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.extra_captions import read_extra_captions
from semreg_tf.data.records import find_builder


@pytest.fixture
def builder(demo_data):
    return find_builder(demo_data, "demo")


def write(path, captions):
    path.write_text("".join(f"{name}#{i}\t{c}\n" for i, (name, c) in enumerate(captions)))
    return path


def test_captions_become_tokens_as_the_data_set_s_do(tmp_path, builder):
    path = write(tmp_path / "a", [("x.jpg", "A dog&#39;s ball."), ("x.jpg", "Run!"), ("y", " ")])
    extra = read_extra_captions(path, builder)
    (annotation,) = extra.annotations
    assert annotation.tokens == (("a", "dog", "'s", "ball", "."), ("run", "!"))
    assert annotation.captions == ("A dog's ball.", "Run!")
    assert extra.word_counts()["dog"] == 1
    assert len(extra.digest) == 64


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_pictures_of_the_data_set_are_left_out_and_counted(tmp_path, builder, caplog, split):
    held = read_annotations(builder.data_dir, split)[0]
    names = [held.image_id, f"folder/{held.file_name}", "another.jpg"]
    caplog.set_level(logging.INFO)
    path = write(tmp_path / "a", [(name, "A dog.") for name in names])
    assert [a.image_id for a in read_extra_captions(path, builder).annotations] == ["another.jpg"]
    assert "1 of 1 pictures; 2 pictures that are in the data set and 0 without words" in caplog.text


def test_a_file_that_brings_nothing_is_refused(tmp_path, builder):
    held = read_annotations(builder.data_dir, "test")[0]
    path = write(tmp_path / "a", [(held.image_id, "A dog.")])
    with pytest.raises(ValueError, match=r"extra_captions` must hold captions of pictures"):
        read_extra_captions(path, builder)


def test_a_file_that_is_not_there_is_refused(tmp_path, builder):
    message = r"`relational.extra_captions` must be a file of captions \(No such file.*gone"
    with pytest.raises(ValueError, match=message):
        read_extra_captions(tmp_path / "gone", builder)
