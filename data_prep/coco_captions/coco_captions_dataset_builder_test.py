"""The builder as TFDS wants it, on the small raw tree in dummy_data/."""

import pytest
import tensorflow_datasets as tfds

from data_prep.coco_captions import coco_captions_dataset_builder

pytest.importorskip("dill", reason="tfds.testing imports dill")


class CocoCaptionsTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = coco_captions_dataset_builder.Builder
    SPLITS = {"train": 11, "validation": 1, "test": 1}  # noqa: RUF012


class CocoCaptionsKarpathyTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = coco_captions_dataset_builder.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = coco_captions_dataset_builder.Builder.VARIANTS
    SPLITS = {"train": 8, "validation": 2, "test": 3}  # noqa: RUF012


if __name__ == "__main__":
    tfds.testing.test_main()
