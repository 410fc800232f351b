"""The input benchmark at toy size: its pictures weigh what photographs do, no way is left out."""

import io

import numpy as np
import pytest
from PIL import Image

from eval import benchmark_input
from semreg_tf.data.input_pipeline import evaluation_batches


def test_drawn_pictures_are_as_large_as_stored_photographs():
    encoded = benchmark_input.drawn_picture(np.random.default_rng(0))
    assert Image.open(io.BytesIO(encoded)).size == (461, 346)
    # COCO's, stored so, have 80 kB on average.
    assert 60_000 < len(encoded) < 100_000


def test_every_way_reads_the_pictures_and_has_a_row(tmp_path, monkeypatch):
    split = benchmark_input.drawn_split(str(tmp_path), 3)
    read = []

    def counted(inputs, batch_size):
        dataset = evaluation_batches(inputs, batch_size)
        read.extend(len(tensors["image"]) for tensors in dataset)
        return dataset

    monkeypatch.setattr(benchmark_input, "evaluation_batches", counted)
    rows = {row.pop("way"): row for row in benchmark_input.run(split, rounds=2, num_timed=4)}
    assert read == [6]
    assert list(rows)[:3] == [benchmark_input.BARE, benchmark_input.RECORDS, "evaluation"]
    assert len(rows) == 8
    assert all(value > 0 for row in rows.values() for value in row.values())
    assert rows[benchmark_input.BARE]["share"] == rows[benchmark_input.BARE]["cpu_share"] == 1


def test_a_prepared_data_set_is_read(demo_data):
    split = benchmark_input.prepared_split(demo_data, "demo", "validation")
    assert len(benchmark_input._files(split)) == split.num_images == 8
    with pytest.raises(ValueError, match="`split`"):
        benchmark_input.prepared_split(demo_data, "demo", "dev")
