"""The builder as TFDS wants it, on the small raw tree in dummy_data/."""

import pytest
import tensorflow_datasets as tfds

from data_prep.coco_tags import coco_tags_dataset_builder

pytest.importorskip("dill", reason="tfds.testing imports dill")


class CocoTagsTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = coco_tags_dataset_builder.Builder
    SPLITS = {"train": 2, "validation": 1}  # noqa: RUF012


if __name__ == "__main__":
    tfds.testing.test_main()
