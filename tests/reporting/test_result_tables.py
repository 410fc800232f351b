"""What evaluations print: figures, intervals, the paper's row, and when the two do not compare."""

from semreg_tf.metrics.caption_results import with_reranked
from semreg_tf.reporting.comparison import DASH
from semreg_tf.reporting.result_tables import caption_table, gradient_table, notes, tag_table

SCORES = {
    "C-R": 0.5, "C-P": 0.25, "C-F1": 1 / 3, "O-R": 0.7, "O-P": 0.71234, "O-F1": 0.7061,
    "micro-F1": 0.6, "mAP": None,
}  # fmt: skip
TAGS = {
    "table_row": "Table 1: RIA",
    "dataset": "nus_wide",
    "split": "test",
    "num_images": 59_347,
    "systems": {"ours": SCORES, "CNN top 3": SCORES},
    "intervals": {"ours": {"O-F1": [0.70123, 0.71]}},
    "warnings": ["look out"],
}
CAPTIONS = {
    "table_row": "Table 4: Ours",
    "dataset": "demo",
    "split": "test",
    "num_images": 400,
    "captions": {"BLEU-4": 0.3, "CIDEr": 1.0, "vocabulary_size": 12_000},
    "intervals": {"CIDEr": [0.95, 1.0512]},
}


def test_tags_stand_in_percent_above_their_interval_and_the_papers_row():
    header, rows = tag_table(TAGS)
    assert header == ["system", "C-R", "C-P", "C-F1", "O-R", "O-P", "O-F1", "micro-F1", "mAP"]
    assert rows == [
        ["ours", "50.00", "25.00", "33.33", "70.00", "71.23", "70.61", "60.00", "–"],
        ["  95 % interval", *["–"] * 5, "70.1-71.0", "–", "–"],
        ["CNN top 3", "50.00", "25.00", "33.33", "70.00", "71.23", "70.61", "60.00", "–"],
        ["paper, Table 1: RIA", "43.62", "52.92", "47.82", "66.75", "68.98", "67.85", "–", "–"],
    ]


def test_captions_have_a_metric_a_row_and_the_papers_figures_beside():
    header, rows = caption_table(CAPTIONS)
    assert header == ["metric", "value", "95 % interval", "paper, Table 4: Ours"]
    assert rows == [
        ["BLEU-4", "0.3000", "–", "0.340"],
        ["CIDEr", "1.0000", "0.9500-1.0512", "1.054"],
        ["vocabulary_size", "12,000", "–", "–"],
    ]


def test_a_row_that_the_papers_do_not_print_adds_nothing():
    _, rows = tag_table({**TAGS, "table_row": "control: no pretraining", "intervals": {}})
    assert [row[0] for row in rows] == ["ours", "CNN top 3"]
    header, _ = caption_table({**CAPTIONS, "table_row": ""})
    assert header == ["metric", "value", "95 % interval"]
    assert notes({**TAGS, "table_row": None}) == ["look out"]


def test_perplexities_have_two_decimals():
    results = {
        **CAPTIONS,
        "table_row": "m-RNN on Flickr8k: m-RNN (AlexNet)",
        "captions": {"perplexity": None, "BLEU-1": 0.5},
    }
    _, rows = caption_table(results)
    assert [row[-1] for row in rows] == ["24.39", "0.565"]
    # An infinite one is None in JSON.
    assert [row[1] for row in rows] == ["–", "0.5000"]


def test_side_information_is_marked():
    _, rows = tag_table({**TAGS, "table_row": "Table 1: Ours+Tag1K"})
    assert rows[-1][0] == "paper, Table 1: Ours+Tag1K†"
    assert "† uses side information (user tags)." in notes({**TAGS, "table_row": "Table 1: SINN"})


def test_the_data_of_both_is_said_and_whether_they_compare():
    assert notes(TAGS)[1] == (
        "the paper's figures are on 59,347 test images, these on nus_wide test, 59,347 images"
    )
    (told,) = notes(CAPTIONS)
    assert told == (
        "the paper's figures are on 4,051 held-out images of val2014, these on demo test, "
        "400 images: other data, so the two do not compare"
    )


def test_gradients_are_a_line_a_group_with_a_dash_where_one_is_nothing():
    own = {"unary_norm": 123.456, "relational_norm": 0.5, "cosine": 0.25}
    cut = {"unary_norm": 2.5, "relational_norm": 0.0, "cosine": None}
    _, rows = gradient_table({"groups": {"encoder": own, "image_head": cut}})
    assert rows == [["encoder", "123.5", "0.5", "0.250"], ["image_head", "2.5", "0", DASH]]


def test_reranked_captions_stand_beside_those_before_under_such_a_name():
    reranked = {"captions": {"CIDEr": 1.25}, "intervals": {"CIDEr": [1.2, 1.3]}}
    today = with_reranked(CAPTIONS, reranked)
    for results in (today, {**CAPTIONS, "reranked": reranked}):
        header, rows = caption_table({**results, "table_row": ""})
        assert header[1:] == ["before reranking", "95 % interval", "reranked", "95 % interval"]
        assert rows[1] == ["CIDEr", "1.0000", "0.9500-1.0512", "1.2500", "1.2000-1.3000"]
        assert rows[0] == ["BLEU-4", "0.3000", "–", "–", "–"]
