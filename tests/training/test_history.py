"""A resumed run's history has each validation once."""

import json

import pytest

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


@pytest.mark.parametrize("line", [b"[" * 100_000, b"{", b"\xff", b"[1]", b'{"loss": 1}', b"null"])
def test_a_damaged_row_is_named_and_the_file_is_left_alone(tmp_path, line):
    path = tmp_path / "history.jsonl"
    path.write_bytes(b'{"step": 1}\n' + line + b"\n" + b'{"step": 9}\n')
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"whole history\.jsonl: line 2 is .*Delete the line"):
        rewind(tmp_path, 5)
    assert path.read_bytes() == before


def test_a_torn_last_row_is_dropped_whatever_its_bytes(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_bytes('{"step": 1, "é": 2}\n'.encode() + b'{"step": 2}\n{"step": 3, "\xc3')
    rewind(tmp_path, 5)
    assert path.read_bytes() == '{"step": 1, "é": 2}\n'.encode() + b'{"step": 2}\n'
    rewind(tmp_path, 1)
    assert path.read_bytes() == '{"step": 1, "é": 2}\n'.encode()
