"""TFDS's own test of the builder, on the small raw files in dummy_data/."""

import pytest
import tensorflow_datasets as tfds

from data_prep.nus_wide import nus_wide_dataset_builder

pytest.importorskip("dill", reason="tfds.testing imports dill")


class NusWideTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = nus_wide_dataset_builder.Builder
    SPLITS = {"train": 13, "validation": 1, "test": 5}  # noqa: RUF012


if __name__ == "__main__":
    tfds.testing.test_main()
