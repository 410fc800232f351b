import io
import json
import shutil

import PIL.Image
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from semreg_tf.data import records


def jpeg():
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (4, 3), (200, 10, 10)).save(buffer, "JPEG")
    return buffer.getvalue()


def record(**changes):
    image = changes.pop("image", jpeg())
    return records.example(image, records.Annotation("7", "7.jpg", **changes))


def test_captions_are_tokenised_once_at_preparation():
    captions = record(captions=[" A dog's hat. ", "Ja"])["captions"]
    assert captions == [
        {"text": "A dog's hat.", "tokens": "a dog 's hat ."},
        {"text": "Ja", "tokens": "ja"},
    ]


def test_everything_but_the_picture_may_be_missing():
    values = record()
    assert all(values[field] == [] for field in ("captions", "labels", "user_tags", "groups"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": b"\x89PNG\r\n"}, r"`image` must hold the bytes of a JPEG.*image_id='7'"),
        ({"captions": ["a dog", " "]}, r"`captions` must hold words.*image_id='7'"),
        ({"labels": ["sky", "sky"]}, r"`labels` must be distinct.*'sky', 'sky'"),
        ({"user_tags": [""]}, r"`user_tags` must be distinct names, none empty"),
        ({"groups": ["a", "a"]}, r"`groups` must be distinct"),
    ],
)
def test_records_that_would_mislead_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        record(**changes)


def test_the_pictures_bytes_are_stored_as_they_come():
    features = records.annotation_features()
    values = features.deserialize_example(
        features.serialize_example(features.encode_example(record(labels=["b", "a"]))),
        decoders={"image": tfds.decode.SkipDecoding()},
    )
    assert values["image"].numpy() == jpeg()
    assert values["labels"].numpy().tolist() == [b"b", b"a"]
    assert tf.io.decode_jpeg(values["image"]).shape == (3, 4, 3)


@pytest.fixture
def data_dir(tiny_builder, tmp_path):
    """A folder of its own with one finished data set."""
    target = tmp_path / "tiny_builder" / "1.2.0"
    shutil.copytree(tiny_builder.data_dir, target)
    (target / records.COUNTS_FILE).write_text("{}")
    return tmp_path


def add_version(data_dir, version, finished=True):
    source = data_dir / "tiny_builder" / "1.2.0"
    target = data_dir / "tiny_builder" / version
    shutil.copytree(source, target)
    info = json.loads((target / "dataset_info.json").read_text())
    info["version"] = version.split("/")[-1]
    (target / "dataset_info.json").write_text(json.dumps(info))
    if not finished:
        (target / records.COUNTS_FILE).unlink()


def test_a_prepared_data_set_is_found_without_its_code(data_dir):
    builder = records.find_builder(data_dir, "tiny_builder")
    assert builder.info.splits["train"].num_examples == 120
    assert str(builder.data_dir) == str(data_dir / "tiny_builder" / "1.2.0")


def test_the_newest_version_wins(data_dir):
    add_version(data_dir, "1.10.0")
    add_version(data_dir, "1.9.0")
    builder = records.find_builder(data_dir, "tiny_builder")
    assert str(builder.version) == "1.10.0"


def test_variants_are_named_with_a_slash(data_dir):
    add_version(data_dir, "small/1.2.0")
    add_version(data_dir, "large/1.2.0")
    shutil.rmtree(data_dir / "tiny_builder" / "1.2.0")
    assert "large" in str(records.find_builder(data_dir, "tiny_builder/large").data_dir)
    with pytest.raises(ValueError, match=r"one of tiny_builder/large, tiny_builder/small"):
        records.find_builder(data_dir, "tiny_builder")


def test_a_missing_folder_names_the_command(tmp_path):
    with pytest.raises(
        ValueError,
        match=r"it does not exist. Run: semreg prepare --dataset=demo --data_dir=.*nowhere",
    ):
        records.find_builder(tmp_path / "nowhere", "demo")


def test_an_empty_folder_names_the_command(tmp_path):
    with pytest.raises(
        ValueError, match=r"nothing is prepared there. Run: semreg prepare --dataset=demo"
    ):
        records.find_builder(tmp_path, "demo")


def test_another_data_set_is_named(data_dir):
    with pytest.raises(
        ValueError, match=r"'coco/karpathy': it holds tiny_builder. Run: .* --dataset=coco --data"
    ):
        records.find_builder(data_dir, "coco/karpathy")


def test_a_killed_preparation_is_never_read(data_dir):
    add_version(data_dir, "1.3.0", finished=False)
    with pytest.raises(ValueError, match=r"interrupted. Finish it: .* --dataset=tiny_builder"):
        records.find_builder(data_dir, "tiny_builder")


def test_shards_still_in_the_making_are_never_read(tmp_path):
    (tmp_path / "demo" / "incomplete.ABC123_1.0.0").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"'demo' was interrupted. Finish it: "):
        records.find_builder(tmp_path, "demo")
