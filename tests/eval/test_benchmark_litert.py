"""The comparison of LiteRT files at toy size: a row a way, sizes and shares that can be right."""

import pytest

from eval.benchmark_litert import FUNCTIONS, SAVED, format_row, run
from semreg_tf.export import export_parts
from semreg_tf.export_run import read_export_part
from tests.exporting.sharpened import sharpened


@pytest.mark.large
def test_every_way_has_a_row(toy_export, tmp_path):
    lines = []
    part = sharpened(read_export_part(toy_export("demo_captions/s_cnn_rnn").path))
    path = export_parts([part], tmp_path / "model")
    rows = run([str(path)], num_pictures=4, num_timed=2, report=lines.append)
    assert [row["way"] for row in rows] == [SAVED, "float32", "float16", "int8"]
    assert lines == [format_row(row) for row in rows]
    assert all(row[name] > 0 for row in rows for name in FUNCTIONS)
    sizes = [row["megabytes"] for row in rows[1:]]
    assert sizes == sorted(sizes, reverse=True)
    assert rows[1]["same_all"] == 1.0


@pytest.mark.large
def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`pictures` must hold pictures"):
        run(pictures=str(tmp_path))
