"""The builder as TFDS wants it, on the small raw tree in dummy_data/.

Its main form needs more than 2,000 images, so both other splits are tested.
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
