import io
import shutil

import PIL.Image
import pytest

from data_prep.stored_images import read_images_of, sample_images
from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.records import find_builder


@pytest.fixture(scope="module")
def builder(demo_data):
    return find_builder(demo_data, "demo")


def test_the_pictures_are_those_of_the_annotations(builder):
    images = sample_images(builder, "train", 5, seed=1)
    stored = {
        record["image_id"].decode(): record["image"]
        for record in builder.as_dataset(split="train").as_numpy_iterator()
    }
    assert len(images) == 5
    for content, annotation in images:
        with PIL.Image.open(io.BytesIO(content)) as image:
            assert image.size == stored[annotation.image_id].shape[1::-1]
    ids = [annotation.image_id for _, annotation in images]
    rows = [a.image_id for a in read_annotations(builder.data_dir, "train")]
    assert [rows.index(i) for i in ids] == sorted(rows.index(i) for i in ids)


def test_the_seed_chooses(builder):
    def chosen(seed, number=8):
        return [a.image_id for _, a in sample_images(builder, "train", number, seed)]

    assert chosen(1) == chosen(1)
    assert chosen(1) != chosen(2)
    assert len(chosen(1, 1_000)) == 40


def test_annotations_of_other_records_are_refused(builder):
    annotations = read_annotations(builder.data_dir, "train")[::-1]
    with pytest.raises(ValueError, match=r"of the same images.*row 3 of train is"):
        read_images_of(builder, "train", annotations, [3])


def test_a_shard_cut_short_is_refused_by_name(builder, tmp_path):
    shutil.copytree(builder.data_dir, tmp_path / "demo" / "1.0.0")
    copy = find_builder(tmp_path, "demo")
    (path,) = copy.info.splits["test"].filepaths
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"demo-test.tfrecord-00000-of-00001` is cut short"):
        sample_images(copy, "test", 3, 0)
