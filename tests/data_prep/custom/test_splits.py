import pytest

from data_prep.custom.entries import Entry
from data_prep.custom.findings import Findings
from data_prep.custom.splits import assign_splits, check_shares, check_splits


def entries(number, splits=None):
    return [
        Entry(i + 1, f"{i}.jpg", labels=("x",), split=splits and splits[i]) for i in range(number)
    ]


def names(members, validation=0.1, test=0.2, seed=1):
    findings = Findings()
    splits = assign_splits(members, validation, test, seed, findings)
    return {s: {e.file_name for e in m} for s, m in splits.items()}, findings.problems


def test_shares_are_exact_and_every_picture_is_in_one_split():
    splits, problems = names(entries(50))
    assert {s: len(m) for s, m in splits.items()} == {"train": 35, "validation": 5, "test": 10}
    assert set.union(*splits.values()) == {f"{i}.jpg" for i in range(50)}
    assert not problems


def test_the_draw_hangs_on_names_and_seed_alone():
    splits, _ = names(entries(50))
    assert names(entries(50)[::-1])[0] == splits
    assert names(entries(50), seed=2)[0] != splits
    more, _ = names(entries(55))
    moved = sum(name not in more[s] for s, members in splits.items() for name in members)
    assert moved < 10


def test_a_share_of_nought_leaves_the_split_out():
    assert set(names(entries(5), validation=0, test=0)[0]) == {"train"}
    assert {s: len(m) for s, m in names(entries(5), test=0)[0].items()} == {
        "train": 4,
        "validation": 1,
    }


def test_too_few_pictures():
    _, problems = names(entries(2))
    assert problems[0].text.startswith("2 pictures are too few for three splits")


def test_the_file_names_the_splits():
    splits, problems = names(entries(3, ["test", "train", "train"]))
    assert splits == {"train": {"1.jpg", "2.jpg"}, "test": {"0.jpg"}}
    assert not problems


def test_nothing_to_train_on():
    _, problems = names(entries(2, ["test", "validation"]))
    assert [p.text for p in problems] == ["no line has the split 'train': nothing to learn"]


def test_lines_with_and_without_a_split():
    findings = Findings()
    check_splits(entries(5, ["train", None, None, "test", None]), findings)
    assert [(p.line, p.text) for p in findings.problems] == [
        (2, "give every line a `split`, or none: 2 lines have one (1, 4), 3 have none (2-3, 5)")
    ]
    findings = Findings()
    check_splits(entries(2), findings)
    check_splits(entries(2, ["train", "test"]), findings)
    assert not findings.problems


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0.1), (0.5, 0.5)])
def test_shares_are_checked(validation, test):
    with pytest.raises(
        ValueError, match=rf"`validation_share` and .*validation_share={validation}"
    ):
        check_shares(validation, test)
