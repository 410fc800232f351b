"""TFDS's own test of the builder: registration, preparation and reading."""

from unittest import mock

import pytest
import tensorflow_datasets as tfds

from data_prep.demo import demo_dataset_builder

pytest.importorskip("dill", reason="tfds.testing imports dill")


class DemoTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = demo_dataset_builder.Builder
    SPLITS = {"train": 5, "validation": 2, "test": 1}  # noqa: RUF012
    # Scenes are drawn, so the builder needs no raw files in dummy_data/.
    EXAMPLE_DIR = DATASET_CLASS.code_path.parent

    def setUp(self):
        numbers = mock.patch.dict(demo_dataset_builder.NUM_IMAGES, self.SPLITS)
        numbers.start()
        self.addCleanup(numbers.stop)
        super().setUp()


if __name__ == "__main__":
    tfds.testing.test_main()
