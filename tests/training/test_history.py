"""A resumed run's history has each validation once."""

import json

from semreg_tf.training.history import HISTORY_FILE, append_row, rewind


def test_rows_after_the_step_and_a_row_cut_short_are_dropped(tmp_path):
    for step in (2, 4, 6):
        append_row(tmp_path, step, step / 3, {"CIDEr": 0.5})
    with open(tmp_path / HISTORY_FILE, "a", encoding="utf-8") as f:
        f.write('{"step": 4, "ela')
    rewind(tmp_path, 4)
    rows = [json.loads(x) for x in (tmp_path / HISTORY_FILE).read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4]
    assert rows[1] == {"step": 4, "elapsed_secs": 1.333, "CIDEr": 0.5}


def test_without_a_history_nothing_happens(tmp_path):
    rewind(tmp_path, 3)
    assert not (tmp_path / HISTORY_FILE).exists()
