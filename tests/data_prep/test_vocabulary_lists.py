import pytest
import tensorflow_datasets as tfds

from data_prep.annotation_builder import AnnotationBuilder
from data_prep.preparation import prepare
from data_prep.vocabulary_lists import build_vocabulary
from semreg_tf.data.name_list import NameList
from semreg_tf.data.records import Annotation, annotation_features, example

RECORDS = {
    "train": [
        {"captions": ["A dog. A dog!"], "labels": ["sky", "boat"], "user_tags": ["b", "a"]},
        {"captions": ["a cat"], "labels": ["sky"], "user_tags": ["a"], "groups": ["pets"]},
    ],
    "validation": [{"captions": ["a hat"], "labels": ["map"], "user_tags": ["c"]}],
}


class ListedBuilder(AnnotationBuilder):
    """Yields the records above, all with one picture."""

    VERSION = tfds.core.Version("1.0.0")
    jpeg = b""

    def _info(self):
        metadata = tfds.core.MetadataDict(
            parameters=self.parameters, label_names=["sky", "zoo"], notes={}
        )
        return tfds.core.DatasetInfo(
            builder=self, features=annotation_features(), metadata=metadata, description="Listed."
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in RECORDS}

    def _generate_examples(self, split):
        for i, values in enumerate(RECORDS[split]):
            name = f"{split}{i}"
            yield name, example(self.jpeg, Annotation(name, name, **values))


@pytest.fixture
def builder_dir(tmp_path, draw_picture):
    ListedBuilder.jpeg = draw_picture(8, 8, 1)
    builder = ListedBuilder(data_dir=tmp_path)
    prepare(builder)
    return builder.data_path


def load(builder_dir, kind):
    return NameList.load(builder_dir / "vocabulary" / f"{kind}.txt")


def test_lists_hold_training_counts_alone(builder_dir):
    names = (("a", 3), ("dog", 2), ("!", 1), (".", 1), ("cat", 1))
    assert load(builder_dir, "words") == NameList(*map(tuple, zip(*names, strict=True)))
    assert load(builder_dir, "user_tags") == NameList(("a", "b"), (2, 1))
    assert load(builder_dir, "groups") == NameList(("pets",), (1,))


def test_labels_without_a_training_image_are_listed_too(builder_dir):
    # One occurs in the validation split alone, one nowhere.
    expected = NameList(("sky", "boat", "map", "zoo"), (2, 1, 0, 0))
    assert load(builder_dir, "labels") == expected


def test_another_split_can_be_counted(builder_dir):
    lists = build_vocabulary(builder_dir, "validation")
    assert lists["words"] == NameList(("a", "hat"), (1, 1))
    assert load(builder_dir, "labels").counts == (1, 0, 0, 0)


def test_unknown_splits_are_refused(builder_dir):
    with pytest.raises(ValueError, match=r"one of train, validation. Received: split='dev'"):
        build_vocabulary(builder_dir, "dev")
