import pytest

from semreg_tf.data.atomic_write import read_lines, write_lines


def test_lines_come_back_as_they_were(tmp_path):
    lines = ["first", "", "Hündchen", "with\ttab", "odd\u2028separator\r"]
    write_lines(tmp_path / "new" / "file.txt", lines)
    assert read_lines(tmp_path / "new" / "file.txt") == lines


def test_a_failing_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.txt"
    write_lines(path, ["old"])

    def fails():
        yield "new"
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        write_lines(path, fails())
    assert read_lines(path) == ["old"]


def test_a_file_without_its_end_is_refused(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("whole\ncut sho")
    with pytest.raises(ValueError, match=r"line 2 is cut short.*file\.txt.*'cut sho'"):
        read_lines(path)
