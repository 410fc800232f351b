"""Points of growth: what is drawn, what is recorded when one breaks, and the exponents."""

import json

import numpy as np
import pytest

from eval import benchmark_growth, growth_points


def test_tags_are_drawn_once_a_picture_and_some_far_more_often():
    images = growth_points.drawn_tags(3_000)
    matrix = images.matrix()
    assert matrix.shape == (3_000, 5_000)
    assert matrix.data.max() == 1 and matrix.has_canonical_format
    assert 6 < len(images.ids) / 3_000 < 7
    shares = np.bincount(images.ids, minlength=5_000) / 3_000
    assert 0.45 < shares[0] < 0.6
    assert shares[0] > 1.5 * shares[1] > 2 * shares[3]
    assert len(set(images.image_ids)) == 3_000


def test_pictures_are_read_encoded_and_searched():
    work = {point["what"]: point for point in growth_points.pictures(50)}
    assert list(work)[:2] == ["annotations read", "captions as ids"]
    assert "neighbours of 1,000 by Jaccard" in work and "records' places found" in work
    assert all(point["secs"] > 0 and point["peak_mib"] > 10 for point in work.values())


def growing(function, arguments):
    """Work that takes the square of its size, and breaks above 100."""
    (value,) = arguments.values()
    if value > 100 and function == "decode":
        return "out of memory"
    return [{"what": function, "secs": value**2 / 1e4, "peak_mib": 100.0 + value}]


def test_points_are_recorded_one_by_one_and_none_follows_what_broke(tmp_path, monkeypatch):
    axes = {"beam": ((10, 100, 1000, 10_000), {"decode": "beam_width"})}
    monkeypatch.setattr(benchmark_growth, "AXES", axes)
    monkeypatch.setattr(benchmark_growth, "measure", growing)
    path = tmp_path / "growth.json"
    assert benchmark_growth.run(path, max_minutes=-1.0) == []
    points = benchmark_growth.run(path)
    assert [p["value"] for p in points] == [10, 100, 1000]
    assert points[-1]["breaks"] == "out of memory"
    record = json.loads(path.read_text())
    assert record["points"] == points == benchmark_growth.run(path)
    assert path.with_suffix(".svg").read_text().startswith("<?xml")
    text = benchmark_growth.markdown(record)
    assert "| decode | 10 ms | 1,000 ms |  |  | 2.00 | 200 |" in text
    assert "At 1,000: out of memory." in text


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_is_that_of_the_upper_half(power):
    course = [(1, 7.0, 0.0), (10, 7.0, 0.0), *((10**k, 10 ** (k * power), 0.0) for k in (2, 3))]
    assert benchmark_growth.exponent(course) == power
    assert np.isnan(benchmark_growth.exponent(course[:1]))


@pytest.mark.large
def test_a_process_that_dies_or_takes_too_long_is_told():
    assert benchmark_growth.measure("no_such_work", {}) == "the process ended with status 1"
    assert benchmark_growth.measure("step", {}, most_secs=0.1) == "over 0 seconds"
