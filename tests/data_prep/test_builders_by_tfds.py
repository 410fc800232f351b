"""TFDS's own tests of the builders, on the small raw files in their folders `dummy_data`."""

# ruff: noqa: RUF012
from unittest import mock

import pytest
from tensorflow_datasets import testing

from data_prep.datasets import DATASETS
from data_prep.demo import demo_dataset_builder

pytest.importorskip("dill", reason="tfds.testing imports dill")
BUILDERS = {name: options.builder_class() for name, options in DATASETS.items()}


class CocoCaptionsTest(testing.DatasetBuilderTestCase):
    DATASET_CLASS = BUILDERS["coco_captions"]
    SPLITS = {"train": 11, "validation": 1, "test": 1}


class CocoCaptionsKarpathyTest(testing.DatasetBuilderTestCase):
    DATASET_CLASS = BUILDERS["coco_captions"]
    BUILDER_CONFIG_NAMES_TO_TEST = DATASET_CLASS.VARIANTS
    SPLITS = {"train": 8, "validation": 2, "test": 3}


class CocoTagsTest(testing.DatasetBuilderTestCase):
    DATASET_CLASS = BUILDERS["coco_tags"]
    SPLITS = {"train": 2, "validation": 1}


class CustomTest(testing.DatasetBuilderTestCase):
    DATASET_CLASS = BUILDERS["custom"]
    SPLITS = {"train": 8, "validation": 1, "test": 1}


class DemoTest(testing.DatasetBuilderTestCase):
    DATASET_CLASS = BUILDERS["demo"]
    SPLITS = {"train": 5, "validation": 2, "test": 1}
    # Scenes are drawn, so the builder needs no raw files in dummy_data/.
    EXAMPLE_DIR = DATASET_CLASS.code_path.parent

    def setUp(self):
        numbers = mock.patch.dict(demo_dataset_builder.NUM_IMAGES, self.SPLITS)
        numbers.start()
        self.addCleanup(numbers.stop)
        super().setUp()


class Flickr8kTest(testing.DatasetBuilderTestCase):
    DATASET_CLASS = BUILDERS["flickr8k"]
    SPLITS = {"train": 5, "validation": 2, "test": 1}


class Flickr30kTest(testing.DatasetBuilderTestCase):
    # The splits in file order need more than 2,000 images, so only the variants are tested.
    DATASET_CLASS = BUILDERS["flickr30k"]
    BUILDER_CONFIG_NAMES_TO_TEST = DATASET_CLASS.VARIANTS
    SPLITS = {"train": 5, "validation": 1, "test": 2}


class IaprTc12Test(testing.DatasetBuilderTestCase):
    DATASET_CLASS = BUILDERS["iapr_tc12"]
    SPLITS = {"train": 6, "validation": 1, "test": 1}


class IaprTc12ListsTest(testing.DatasetBuilderTestCase):
    DATASET_CLASS = BUILDERS["iapr_tc12"]
    BUILDER_CONFIG_NAMES_TO_TEST = DATASET_CLASS.VARIANTS
    SPLITS = {"train": 6, "validation": 1, "test": 1}


class SmallImageAnnotationBuilder(BUILDERS["image_annotation"]):
    def __init__(self, **kwargs):
        super().__init__(validation_images=2, **kwargs)


class ImageAnnotationTest(testing.DatasetBuilderTestCase):
    DATASET_CLASS = SmallImageAnnotationBuilder
    BUILDER_CONFIG_NAMES_TO_TEST = ()
    EXAMPLE_DIR = BUILDERS["image_annotation"].code_path.parent / "dummy_data"
    SPLITS = {"train": 4, "validation": 2, "test": 2}


class NusWideTest(testing.DatasetBuilderTestCase):
    DATASET_CLASS = BUILDERS["nus_wide"]
    SPLITS = {"train": 13, "validation": 1, "test": 5}
