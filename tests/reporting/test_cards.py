"""Cards: scores of single pictures, and runs joined by picture."""

from pathlib import Path

import pytest

from semreg_tf.reporting.cards import build_cases, card, image_score, said_labels
from semreg_tf.reporting.markup import to_html
from semreg_tf.reporting.run_files import RunFiles
from semreg_tf.reporting.words import WordJudge


def make(path, predictions, task="tags", stage="joint"):
    about = {"config": {"name": "x/y", "data": {"task": task}}, "stage": stage}
    return RunFiles(Path(path), about, {}, tuple(predictions), (), {}, ())


@pytest.mark.parametrize(
    ("labels", "said", "expected"),
    [
        (["a", "b"], "a, c", 0.5),
        (["a"], "a, b, a", 2 / 3),
        (["a"], "", 0.0),
        ([], "a", None),
    ],
)
def test_f1_of_a_picture_is_that_of_its_sets(labels, said, expected):
    row = {"labels": labels, "n_best": [[said, -1.0]]}
    assert image_score(row, "tags") == (expected and pytest.approx(expected))


def test_score_of_a_cnn_is_its_first_cuts_and_of_a_caption_its_cider():
    row = {"labels": ["a"], "n_best": [["b", 0]], "cnn": {"top": ["a"], "cut": []}}
    assert image_score(row, "tags", has_decoder=False) == 1.0
    assert image_score({"scores": {"CIDEr": 1.5}}, "captions") == 1.5
    assert image_score({"scores": None}, "captions") is None


def test_runs_are_joined_by_picture_and_the_first_leads(tmp_path):
    (tmp_path / "p.jpg").write_bytes(b"\xff\xd8\xff")
    first = [{"image_id": i, "labels": ["a"], "n_best": [["a", 0]]} for i in (3, 1, 2)]
    second = [{"image_id": 1, "labels": ["a"], "n_best": [["b", 0]], "picture": "p.jpg"}]
    runs = [make("none", []), make(tmp_path, first), make(tmp_path, second)]
    (case,) = build_cases(runs, ["none", "one", "two"])
    assert (case.row["image_id"], case.score, case.picture) == (1, 1.0, tmp_path / "p.jpg")
    assert [prediction.label for prediction in case.predictions] == ["one", "two"]
    assert [case.row["image_id"] for case in build_cases(runs[:2], ["none", "one"])] == [3, 1, 2]
    assert build_cases(runs[:1], ["none"]) == []


def test_a_bare_row_makes_a_card():
    (case,) = build_cases([make("x", [{"image_id": 7}])], ["Ours"])
    for task, judge in (("tags", None), ("captions", WordJudge([]))):
        text = to_html(card(case, task, judge))
        assert "no copy of this picture was saved" in text
        assert "no label" in text or "no caption" in text


def test_an_untrained_decoder_says_nothing():
    row = {"image_id": 1, "labels": ["a"], "n_best": [["zebra", 0]], "cnn": {"CNN top 3": ["a"]}}
    (case,) = build_cases([make("x", [row], stage="unary")], ["CNN"])
    text = to_html(card(case, "tags", None))
    assert "zebra" not in text
    assert "F1 1.00" in text


def test_labels_of_an_empty_sequence():
    assert said_labels({"n_best": []}) == []
    assert said_labels({"n_best": [["hot dog, sky", -1.0]]}) == ["hot dog", "sky"]


def test_labels_with_a_comma_are_not_split():
    row = {"n_best": [["sea, blue, boat", -1.0]], "n_best_labels": [["sea, blue", "boat"]]}
    assert said_labels(row) == ["sea, blue", "boat"]
    earlier = {"n_best": row["n_best"], "labels": ["sea, blue", "boat"], "concepts": [["sea", 1]]}
    assert said_labels(earlier) == ["sea, blue", "boat"]
    assert image_score({**row, "labels": ["sea, blue"]}, "tags") == 2 / 3
