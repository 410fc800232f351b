"""TFDS's own test of the builder, on the small raw files in dummy_data/."""

import pytest
import tensorflow_datasets as tfds

from data_prep.flickr8k import flickr8k_dataset_builder

pytest.importorskip("dill", reason="tfds.testing imports dill")


class Flickr8kTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = flickr8k_dataset_builder.Builder
    SPLITS = {"train": 5, "validation": 2, "test": 1}  # noqa: RUF012


if __name__ == "__main__":
    tfds.testing.test_main()
