"""TFDS's own test of the builder, on the small raw files in dummy_data/.

The splits in file order need more than 2,000 images, so only the two other variants are tested.
"""

import pytest
import tensorflow_datasets as tfds

from data_prep.flickr30k import flickr30k_dataset_builder

pytest.importorskip("dill", reason="tfds.testing imports dill")


class Flickr30kTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = flickr30k_dataset_builder.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = flickr30k_dataset_builder.Builder.VARIANTS
    SPLITS = {"train": 5, "validation": 1, "test": 2}  # noqa: RUF012


if __name__ == "__main__":
    tfds.testing.test_main()
