"""Recall of rare and of frequent classes and words."""

from pathlib import Path

import pytest

from semreg_tf.reporting.frequency import (
    best_cut,
    class_tables,
    recall_chart,
    tag_recalls,
    word_recalls,
)
from semreg_tf.reporting.markup import to_html
from semreg_tf.reporting.run_files import RunFiles


def make(results, predictions=(), counts=None, stage="joint"):
    about = {"config": {"name": "x/y", "data": {"task": "tags"}}, "stage": stage}
    return RunFiles(Path("run"), about, results, tuple(predictions), (), counts or {}, ())


def of_class(name, support, recall):
    return {"name": name, "support": support, "recall": recall, "f1": recall}


def test_classes_are_grouped_from_rare_to_frequent():
    recalls = {"ours": {f"c{i}": i / 10 for i in range(8)}}
    chart = to_html(recall_chart(recalls, {f"c{i}": 10 * i for i in range(8)}, "classes"))
    assert "ours: 0.15, 0.55" in chart
    assert "0–30 times" in chart
    assert "40–70 times" in chart


def test_classes_of_one_count_are_in_one_group():
    counts = dict(zip("abcdefgh", (1, 1, 1, 1, 1, 2, 2, 9), strict=True))
    chart = to_html(recall_chart({"ours": dict.fromkeys(counts, 0.5)}, counts, "classes"))
    assert "1 time 5 classes" in chart and "2–9 times 3 classes" in chart
    alike = dict.fromkeys(counts, 4)
    assert recall_chart({"ours": dict.fromkeys(alike, 0.5)}, alike, "classes") is None


def test_too_few_classes_have_no_groups():
    assert (
        recall_chart({"ours": dict.fromkeys("abcde", 1.0)}, dict.fromkeys("abcde", 1), "x") is None
    )


def test_only_the_leading_runs_cuts_and_classes_with_positives_count():
    rows = {"per_class": [of_class("a", 3, 0.5), of_class("b", 0, None)]}
    systems = {"ours": rows, "CNN top 3": rows, "ours with the CNN, top 3": rows}
    runs = [make({"systems": systems})] * 2
    found = tag_recalls(runs, ["x", "y"])
    assert found == {"x": {"a": 0.5}, "CNN top 3": {"a": 0.5}, "y": {"a": 0.5}}


def test_words_are_recalled_where_reference_and_caption_share_a_stem():
    predictions = [
        {"image_id": 0, "captions": ["two dogs run", "a cat"], "n_best": [["a dog sits", -1.0]]},
        {"image_id": 1, "captions": ["the dog"], "n_best": [["a cat", -1.0]]},
        {"image_id": 2, "captions": ["a boat"], "n_best": []},
    ]
    counts = {"dog": 9, "dogs": 4, "cat": 5, "the": 99, "boat": 2, "kite": 1}
    found = word_recalls([make({}, predictions, counts)], ["x"])
    assert found == {"x": {"dog": 0.5, "dogs": 0.5, "cat": 0.0, "boat": 0.0}}


def test_bars_stand_rare_first_with_their_numbers():
    rows = [of_class("sky", 90, 0.75), of_class("kite", 3, 0.25), of_class("zebra", 0, None)]
    systems = {"Ours": {"per_class": rows}, "CNN": {"per_class": rows[:1]}}
    ((number, made),) = class_tables(systems, {"sky": 900}, 20)
    text = to_html(made)
    assert number == 2
    assert text.index("kite") < text.index("sky")
    assert '<span>sky<span class="value"> 900 / 90</span></span>' in text
    assert "zebra" not in text
    assert "upper bar: Ours, lower bar: CNN" in text
    widths = [r.get("width") for r in made.iter("rect") if r.get("class") == "fill0"]
    assert widths == ["25.0", "25.0", "75.0", "75.0"]
    assert class_tables({"Ours": {"per_class": []}}, {}, 20) == []
    assert class_tables({}, {}, 20) == []
    (_, rare), (others, frequent) = class_tables(systems, {}, 1)
    assert "kite" in to_html(rare)
    assert "sky" not in to_html(rare)
    assert others == 1
    assert "sky" in to_html(frequent)


def test_the_cnn_is_shown_at_the_threshold_that_was_searched():
    searched = "CNN cut at 0.18 (best on validation)"
    assert best_cut({"CNN top 5": {"O-F1": 0.6}, searched: {"O-F1": 0.5}}) == searched
    assert best_cut({"CNN top 3": {"O-F1": 0.4}, "CNN top 5": {"O-F1": 0.5}}) == "CNN top 5"
    assert best_cut({}) is None


@pytest.mark.parametrize("predictions", [(), [{"image_id": 0}]])
def test_nothing_to_recall(predictions):
    assert word_recalls([make({}, predictions, {"dog": 1})], ["x"]) == {}
