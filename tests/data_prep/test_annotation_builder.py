import io

import PIL.Image
import pytest
import tensorflow_datasets as tfds

from data_prep.annotation_builder import AnnotationBuilder, RawExample
from data_prep.raw_examples import MAX_CAPTION_WORDS
from semreg_tf.data.records import annotation_features


class FolderBuilder(AnnotationBuilder):
    """Yields what its attribute holds."""

    VERSION = tfds.core.Version("1.0.0")
    raw_examples = ()

    def _info(self):
        metadata = tfds.core.MetadataDict(parameters=self.parameters, notes={})
        return tfds.core.DatasetInfo(
            builder=self, features=annotation_features(), metadata=metadata, description="Listed."
        )

    def _split_generators(self, dl_manager):
        return {"train": self.generate()}

    def generate(self):
        return self._generate_examples("train", self.raw_examples)


@pytest.fixture
def builder(tmp_path):
    return FolderBuilder(data_dir=tmp_path / "data")


@pytest.fixture
def raw(tmp_path, draw_picture):
    def make(name, **changes):
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(draw_picture(20, 30, len(name)))
        values = {"image_id": name, "path": path, "file_name": path.name, **changes}
        return RawExample(**values)

    return make


def test_all_that_was_said_of_an_image_is_in_its_record(builder, raw):
    said = {"captions": ("A dog.",), "labels": ("dog",), "user_tags": ("fun",), "groups": ("g",)}
    builder.raw_examples = [raw("first", **said)]
    ((key, record),) = builder.generate()
    assert key == record["image_id"] == "first"
    assert record["captions"] == [{"text": "A dog.", "tokens": "a dog ."}]
    assert (record["labels"], record["user_tags"], record["groups"]) == (["dog"], ["fun"], ["g"])
    assert record["file_name"] == "first.jpg"


def test_what_was_left_out_is_noted_and_stored(builder, raw, tmp_path):
    cut = raw("cut")
    cut.path.write_bytes(cut.path.read_bytes()[:-30])
    gone = raw("gone")
    gone.path.unlink()
    builder.raw_examples = [raw("fine", captions=("", "A dog.", "  ")), cut, gone]
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(try_download_gcs=False)
    )
    stored = tfds.builder_from_directory(builder.data_dir)
    assert stored.info.splits["train"].num_examples == 1
    assert stored.info.metadata["notes"] == {
        "caption empty": ["fine.jpg", "fine.jpg"],
        "image corrupt": ["cut.jpg"],
        "image missing": ["gone.jpg"],
    }
    assert stored.info.metadata["parameters"] == {"shorter_side": None, "tokenizer": "ptb"}


def test_pictures_shrink_to_the_shorter_side(tmp_path, raw):
    builder = FolderBuilder(data_dir=tmp_path / "data", shorter_side=16)
    builder.raw_examples = [raw("large")]
    ((_, record),) = builder.generate()
    assert PIL.Image.open(io.BytesIO(record["image"])).size == (16, 24)
    # It was asked for, so it is no note.
    assert builder.info.metadata["notes"] == {}


def test_an_image_twice_is_refused(builder, raw):
    builder.raw_examples = [raw("same"), raw("same")]
    with pytest.raises(ValueError, match=r"every image once.*'same' again, as 'same\.jpg'"):
        list(builder.generate())


def test_a_split_without_images_is_refused(builder):
    with pytest.raises(ValueError, match=r"none of 'train' is there and whole"):
        list(builder.generate())


def test_tiny_pictures_are_not_asked_for(tmp_path):
    with pytest.raises(ValueError, match=r"`shorter_side` must be at least 16.*=15"):
        FolderBuilder(data_dir=tmp_path, shorter_side=15)


def test_captions_that_went_astray_are_left_out_and_noted(builder, raw):
    longest = " ".join(["far"] * MAX_CAPTION_WORDS)
    builder.raw_examples = [
        raw("fine", captions=(longest, "dog " * 500, "", "A dog .")),
        raw("labelled", captions=("",), labels=("dog",)),
        raw("bad", captions=(" ", "dog " * 500)),
        raw("bare"),
    ]
    texts = {key: [c["text"] for c in record["captions"]] for key, record in builder.generate()}
    assert texts == {"fine": [longest, "A dog ."], "labelled": [], "bare": []}
    assert builder.info.metadata["notes"] == {
        "caption of more than 200 words": ["fine.jpg", "bad.jpg"],
        "caption empty": ["fine.jpg", "labelled.jpg", "bad.jpg"],
        "image without a usable caption": ["bad.jpg"],
    }


class VariantBuilder(FolderBuilder):
    VARIANTS = (tfds.core.BuilderConfig(name="small", description="The same."),)


def test_a_variant_has_a_folder_of_its_own_and_the_main_form_has_none(tmp_path, caplog):
    main, variant = (VariantBuilder(data_dir=tmp_path, config=c) for c in (None, "small"))
    folder = tmp_path / "variant_builder"
    assert main.data_path == folder / "1.0.0"
    assert variant.data_path == folder / "small" / "1.0.0"
    VariantBuilder(data_dir=tmp_path, config=VariantBuilder.VARIANTS[0])
    assert "custom" not in caplog.text
    with pytest.raises(ValueError, match="BuilderConfig large not found"):
        VariantBuilder(data_dir=tmp_path, config="large")
