"""Parts of a split, "train[30:]": the pictures and annotations of their own rows."""

import numpy as np
import pytest

from semreg_tf.config import DataConfig
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, evaluation_batches, load_split
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies

TAGS = DataConfig(task="tags")


@pytest.fixture(scope="module")
def whole(demo_data):
    builder = find_builder(demo_data, "demo")
    vocabularies = Vocabularies.from_dataset(builder.data_dir, TAGS)
    return load_split(builder, "train", vocabularies, TAGS)


@pytest.mark.parametrize(("name", "first", "last"), [("train[30:]", 30, 40), ("train[:5]", 0, 5)])
def test_a_part_of_a_split_has_the_pictures_and_annotations_of_its_rows(
    whole, demo_data, name, first, last
):
    part = load_split(find_builder(demo_data, "demo"), name, whole.vocabularies, TAGS)
    assert part.annotations == whole.annotations[first:last]
    keys = (batch.IMAGE, batch.CONCEPTS, batch.IMAGE_ID)
    (made,) = evaluation_batches(Inputs(part, keys, image_size=32), 40)
    (expected,) = evaluation_batches(Inputs(whole, keys, image_size=32), 40)
    for key in keys:
        np.testing.assert_array_equal(made[key], expected[key][first:last])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dev[:5]", r"must be one of test, train, validation, or a part .*split='dev\[:5\]'"),
        ("train[x]", r"a part of one such as 'train\[:90%\]'\. Received: split='train\[x\]'"),
        ("train[:0]", r"`split` must hold images: it is empty\. Received: split='train\[:0\]'"),
    ],
)
def test_a_part_that_is_not_there_is_refused(whole, demo_data, name, message):
    with pytest.raises(ValueError, match=message):
        load_split(find_builder(demo_data, "demo"), name, whole.vocabularies, TAGS)
