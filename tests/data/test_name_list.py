import pytest

from semreg_tf.data.name_list import NameList, coverage


def test_names_fall_by_count_and_ties_are_alphabetical():
    names = NameList.from_counts({"b": 2, "a": 2, "c": 5, "d": 0})
    assert names.names == ("c", "a", "b", "d")
    assert names.counts == (5, 2, 2, 0)
    assert names.index == {"c": 0, "a": 1, "b": 2, "d": 3}
    assert len(names) == 4


def test_head_takes_the_first_or_all():
    names = NameList(("a", "b"), (2, 1))
    assert names.head(1) == NameList(("a",), (2,))
    assert names.head(5) == names


def test_save_and_load(tmp_path):
    names = NameList(("hot dog", "a\ttab", "Hündchen", ",", "1"), (3, 2, 2, 1, 0))
    names.save(tmp_path / "names.txt")
    assert NameList.load(tmp_path / "names.txt") == names
    assert (tmp_path / "names.txt").read_text(encoding="utf-8").startswith("semreg_tf names 1\nhot")


def test_an_empty_list_is_saved_too(tmp_path):
    NameList((), ()).save(tmp_path / "names.txt")
    assert len(NameList.load(tmp_path / "names.txt")) == 0


@pytest.mark.parametrize(
    ("names", "counts", "message"),
    [
        (("a",), (1, 2), "equally long.*1 names, 2 counts"),
        (("a", "b", "a"), (1, 1, 1), "distinct.*'a' twice"),
        (("a", ""), (1, 1), "non-empty single lines.*''"),
        (("a\nb",), (1,), r"non-empty single lines.*'a\\nb'"),
    ],
)
def test_lists_that_cannot_be_are_refused(names, counts, message):
    with pytest.raises(ValueError, match=message):
        NameList(names, counts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must start with the line 'semreg_tf names 1'.*line 1: ''"),
        ("semreg_tf names 9\na\t1\n", "must start with.*'semreg_tf names 9'"),
        ("semreg_tf words 1\na\t1\n", "must start with.*'semreg_tf words 1'"),
        ("semreg_tf names 1\na\t1\nb 2\n", r"names\.txt', line 3: 'b 2'"),
        ("semreg_tf names 1\na\t-1\n", r"line 2: 'a\\t-1'"),
        ("semreg_tf names 1\na\t1\na\t1\n", r"distinct.*path=.*names\.txt"),
        ("semreg_tf names 1\na\t1\nb\t", "line 3 is cut short"),
    ],
)
def test_damaged_files_are_refused_with_path_and_line(tmp_path, text, message):
    (tmp_path / "names.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        NameList.load(tmp_path / "names.txt")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"it does not exist.*nowhere\.txt"):
        NameList.load(tmp_path / "nowhere.txt")


def test_coverage_counts_words_on_both_sides():
    words = NameList((".", "a", "dog", ",", "ball"), (50, 6, 3, 2, 1))
    assert coverage(words, 1) == pytest.approx(0.6)
    assert coverage(words, 2) == pytest.approx(0.9)
    assert coverage(words, 1000) == 1.0
    assert coverage(NameList((), ()), 10) == 0.0
