"""TFDS's own test of the builder, on the small raw files in dummy_data/."""

import pytest
import tensorflow_datasets as tfds

from data_prep.iapr_tc12 import iapr_tc12_dataset_builder

pytest.importorskip("dill", reason="tfds.testing imports dill")


class IaprTc12Test(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = iapr_tc12_dataset_builder.Builder
    SPLITS = {"train": 6, "validation": 1, "test": 1}  # noqa: RUF012


class IaprTc12ListsTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = iapr_tc12_dataset_builder.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = iapr_tc12_dataset_builder.Builder.VARIANTS
    SPLITS = {"train": 6, "validation": 1, "test": 1}  # noqa: RUF012


if __name__ == "__main__":
    tfds.testing.test_main()
