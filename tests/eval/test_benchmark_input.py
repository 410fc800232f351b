"""The input benchmark at toy size: its pictures weigh what photographs do, no way is left out."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from eval import benchmark_input, interleaved
from semreg_tf.data.input_pipeline import evaluation_batches


def test_drawn_pictures_are_as_large_as_stored_photographs():
    encoded = benchmark_input.drawn_picture(np.random.default_rng(0))
    assert Image.open(io.BytesIO(encoded)).size == (461, 346)
    # COCO's, stored so, have 80 kB on average.
    assert 60_000 < len(encoded) < 100_000


@pytest.mark.large
def test_every_way_reads_the_pictures_and_has_a_row(tmp_path, monkeypatch):
    split = benchmark_input.drawn_split(str(tmp_path), 3)
    read = []

    def counted(inputs, batch_size):
        dataset = evaluation_batches(inputs, batch_size)
        read.extend(len(tensors["image"]) for tensors in dataset)
        return dataset

    monkeypatch.setattr(benchmark_input, "evaluation_batches", counted)
    contests = benchmark_input.input_contests(split, num_timed=4)
    rows = interleaved.run_all(contests, 1, str)
    assert read == [6]
    names = [name for name, row in itertools.groupby(row["contest"] for row in rows)]
    assert names == [
        "evaluation, 299 pixels",
        "training, all augmentation, 299 pixels",
        "ours in parts, 299 pixels",
    ]
    assert [row["way"] for row in rows].count(benchmark_input.BARE) == 3
    assert len(rows) == 12


def test_a_prepared_data_set_is_read(demo_data):
    split = benchmark_input.prepared_split(demo_data, "demo", "validation")
    assert split.num_images == 8
    with pytest.raises(ValueError, match="`split`"):
        benchmark_input.prepared_split(demo_data, "demo", "dev")
