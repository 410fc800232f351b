"""A small data set written by TFDS itself, without this project's preparation."""

import io

import numpy as np
import PIL.Image
import pytest
import tensorflow_datasets as tfds
from etils import epath

from semreg_tf.data import records

SPLIT_SIZES = {"train": 120, "validation": 3}


def jpeg_bytes(seed: int, side: int = 16) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def tiny_record(split: str, number: int) -> dict:
    annotation = records.Annotation(
        f"{split}_{number}",
        f"{split}_{number}.jpg",
        captions=[f"A dog, number {number}.", "Zwei Hündchen\n spielen"][: number % 3],
        labels=["dog", "cat"][: number % 3],
        user_tags=["fun", "2009"][: number % 2],
        groups=["pets"],
    )
    return records.example(jpeg_bytes(number), annotation)


class TinyBuilder(tfds.core.GeneratorBasedBuilder):
    code_path = epath.Path(__file__)
    VERSION = tfds.core.Version("1.2.0")

    def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=records.annotation_features())

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in SPLIT_SIZES}

    def _generate_examples(self, split):
        for number in range(SPLIT_SIZES[split]):
            yield f"{split}_{number}", tiny_record(split, number)


@pytest.fixture(scope="session")
def tiny_builder(tmp_path_factory):
    builder = TinyBuilder(data_dir=tmp_path_factory.mktemp("tiny"))
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(num_shards=3, try_download_gcs=False)
    )
    return builder
