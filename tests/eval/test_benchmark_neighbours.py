"""Drawn tags are what they are said to be, and a search over few of them is timed."""

import numpy as np

from eval import benchmark_neighbours


def test_tags_are_drawn_once_a_picture_and_some_far_more_often():
    images = benchmark_neighbours.drawn_tags(3_000)
    matrix = images.matrix()
    assert matrix.shape == (3_000, 5_000)
    assert matrix.data.max() == 1 and matrix.has_canonical_format
    assert 6 < len(images.ids) / 3_000 < 7
    shares = np.bincount(images.ids, minlength=5_000) / 3_000
    assert 0.45 < shares[0] < 0.6
    assert shares[0] > 1.5 * shares[1] > 2 * shares[3]
    assert len(set(images.image_ids)) == 3_000


def test_a_search_is_timed(capsys):
    made = benchmark_neighbours.run(300)
    assert made["minutes"] > 0 and made["peak_mib"] > 10
    assert "6 neighbours of 300 pictures" in capsys.readouterr().out
