"""TFDS's own test of the builder, on the small raw files in dummy_data/."""

import pytest
import tensorflow_datasets as tfds

from data_prep.image_annotation import image_annotation_dataset_builder

pytest.importorskip("dill", reason="tfds.testing imports dill")


class _SmallBuilder(image_annotation_dataset_builder.Builder):
    def __init__(self, **kwargs):
        super().__init__(validation_images=2, **kwargs)


class ImageAnnotationTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = _SmallBuilder
    BUILDER_CONFIG_NAMES_TO_TEST = ()
    SPLITS = {"train": 4, "validation": 2, "test": 2}  # noqa: RUF012


if __name__ == "__main__":
    tfds.testing.test_main()
