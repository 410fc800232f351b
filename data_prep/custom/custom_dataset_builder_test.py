"""The builder as TFDS wants it, on the small folder in dummy_data/."""

import pytest
import tensorflow_datasets as tfds

from data_prep.custom import custom_dataset_builder

pytest.importorskip("dill", reason="tfds.testing imports dill")


class CustomTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = custom_dataset_builder.Builder
    SPLITS = {"train": 8, "validation": 1, "test": 1}  # noqa: RUF012


if __name__ == "__main__":
    tfds.testing.test_main()
