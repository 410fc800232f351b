import pytest

from data_prep.raw_files import (
    read_lines,
    read_names,
    read_split_lists,
    read_token_file,
    require_files,
)


@pytest.fixture
def write(tmp_path):
    def write_bytes(content):
        path = tmp_path / "file.txt"
        path.write_bytes(content)
        return path

    return write_bytes


def test_lines_end_either_way(write):
    assert read_lines(write(b"a\r\nb\n\nc ")) == ["a", "b", "", "c "]
    assert read_lines(write(b"")) == []


def test_a_byte_order_mark_is_no_text(write):
    assert read_lines(write(b"\xef\xbb\xbfa\n")) == ["a"]


def test_other_encodings_are_refused(write):
    with pytest.raises(
        ValueError,
        match=r"`raw_dir` must hold UTF-8 text: .* at byte 1, on line 1\. Received: .*file\.txt'",
    ):
        read_lines(write(b"a\xe9\n"))
    with pytest.raises(ValueError, match=r"`raw_dir` .* the file is UTF-16: save it as UTF-8"):
        read_lines(write("a\n".encode("utf-16")))


def test_names_lose_blanks_and_empty_lines(write):
    assert read_names(write(b"a.jpg \r\n\r\n b.jpg\t\n")) == ["a.jpg", "b.jpg"]


def test_a_name_twice_is_refused_with_both_lines(write):
    with pytest.raises(ValueError, match=r"distinct names.*lines 1 and 3: 'a'"):
        read_names(write(b"a\nb\na\n"))


def test_lists_of_splits_get_a_suffix_and_keep_their_order(tmp_path):
    (tmp_path / "a.txt").write_text("2\n1.jpg\n")
    (tmp_path / "b.txt").write_text("3\n")
    files = {"train": "a.txt", "test": "b.txt"}
    lists = read_split_lists(tmp_path, files, ".jpg")
    assert lists == {"train": ["2.jpg", "1.jpg"], "test": ["3.jpg"]}
    assert read_split_lists(tmp_path, files)["train"] == ["2", "1.jpg"]


def test_an_image_in_two_lists_is_refused_with_both_files(tmp_path):
    (tmp_path / "a.txt").write_text("1\n")
    (tmp_path / "b.txt").write_text("1.jpg\n")
    with pytest.raises(ValueError, match=r"every image once\. Received: '1\.jpg' in a\.txt and b"):
        read_split_lists(tmp_path, {"train": "a.txt", "test": "b.txt"}, ".jpg")


def test_captions_are_ordered_by_their_number(write):
    content = "b.jpg#1\tTwo #2 dogs .\nb.jpg#0\t A\tdog .\n\na.jpg#0\tHündchen\n"
    assert read_token_file(write(content.encode())) == {
        "b.jpg": (" A\tdog .", "Two #2 dogs ."),
        "a.jpg": ("Hündchen",),
    }


@pytest.mark.parametrize("line", ["a.jpg\tA dog .", "a.jpg#0 A dog .", "a.jpg#x\tA dog .", "dog"])
def test_other_lines_are_refused_with_their_number(write, line):
    with pytest.raises(ValueError, match=r"name\.jpg#number<TAB>caption.*line 2: "):
        read_token_file(write(f"a.jpg#1\tdog\n{line}\n".encode()))


def test_a_captions_number_twice_is_refused(write):
    with pytest.raises(ValueError, match=r"line 2: a\.jpg#0 again"):
        read_token_file(write(b"a.jpg#0\tdog\na.jpg#0\tcat\n"))


def test_all_missing_files_are_named_at_once(tmp_path):
    (tmp_path / "b").touch()
    with pytest.raises(ValueError, match=r"must hold a, b, c: there is no a, c. Received"):
        require_files(tmp_path, ("a", "b", "c"))
    require_files(tmp_path, ("b",))


@pytest.mark.parametrize("folder", [None, "nowhere"])
def test_a_missing_folder_says_what_it_should_hold(folder):
    with pytest.raises(ValueError, match=rf"folder that holds a, b. Received: raw_dir=.*{folder}"):
        require_files(folder, ("a", "b"))
