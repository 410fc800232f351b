"""Score tables: who is bold, whose CNN it is, and means over seeds."""

from pathlib import Path

from semreg_tf.metrics.caption_results import with_reranked
from semreg_tf.reporting.markup import to_html
from semreg_tf.reporting.run_files import RunFiles
from semreg_tf.reporting.score_tables import TAG_COLUMNS, caption_tables, tag_table


def make(seed=1, stage="joint", **results):
    about = {"config": {"name": "x/y", "seed": seed, "table_row": "T: Ours"}, "stage": stage}
    return RunFiles(Path("run"), about, results, (), (), {}, ())


def cells(box):
    return {
        to_html(row[0]).removeprefix('<th scope="row">').removesuffix("</th>"): [
            to_html(cell).removeprefix("<td>").removesuffix("</td>") for cell in row[1:]
        ]
        for row in next(box.iter("tbody"))
    }


def scores(value):
    return dict.fromkeys(TAG_COLUMNS, value)


def test_best_is_bold_and_equal_cuts_stand_once():
    cut = {"CNN top 3": {**scores(0.4), "mAP": None}}
    first = make(task="tags", systems={"ours": scores(0.5), **cut})
    second = make(task="tags", systems={"ours": {**scores(0.5), "C-R": 0.6}, **cut})
    found = cells(tag_table([first, second], ["a", "b"]))
    assert list(found) == ["CNN top 3", "a", "b"]
    assert found["CNN top 3"] == ["40.00"] * 7 + ["–"]
    assert found["a"] == ["50.00"] + ["<b>50.00</b>"] * 7
    assert found["b"] == ["<b>60.00</b>"] + ["<b>50.00</b>"] * 7


def test_another_cnn_says_whose_it_is_and_an_untrained_decoder_is_left_out():
    first = make(task="tags", systems={"ours": scores(0.5), "CNN top 3": scores(0.4)})
    second = make(stage="unary", task="tags", systems={"ours": scores(0), "CNN top 3": scores(0.3)})
    found = cells(tag_table([first, second], ["a", "b"]))
    assert list(found) == ["CNN top 3, of a", "CNN top 3, of b", "a"]


def test_cuts_of_other_thresholds_say_whose_they_are_and_lists_are_named_by_their_run():
    cut, other = (f"CNN cut at 0.{i} (best on validation)" for i in (19, 50))
    first = {"ours": scores(0.5), "ours, exactly 3": scores(0.6), cut: scores(0.4)}
    first = make(task="tags", systems=first)
    second = make(stage="unary", task="tags", systems={other: scores(0.3)})
    found = cells(tag_table([first, second], ["a", "b"]))
    assert list(found) == [f"{cut}, of a", f"{other}, of b", "a", "a, exactly 3"]


def test_seeds_have_their_mean_and_sample_deviation():
    runs = [
        make(i, task="tags", systems={"ours": scores(v)}) for i, v in enumerate((0.5, 0.6, 0.7))
    ]
    found = cells(tag_table(runs, ["a", "b", "c"]))
    assert found["Ours, mean of 3 runs ± deviation"] == ["60.00 ± 10.00"] * 8


def test_cuts_with_other_thresholds_are_one_system_and_stand_once():
    cuts = {f"CNN cut at 0.{i} (best on validation)": i / 100 for i in (40, 50)}
    runs = [
        make(i, stage, task="tags", systems={"ours": scores(0.1 * i), name: scores(value)})
        for stage in ("unary", "joint")
        for i, (name, value) in enumerate(cuts.items(), 5)
    ]
    means = {k: v[0] for k, v in cells(tag_table(runs, list("abcd"))).items() if "mean of" in k}
    assert means == {
        "Ours: CNN cut at its best threshold, mean of 2 runs ± deviation": "45.00 ± 7.07",
        "Ours, mean of 2 runs ± deviation": "55.00 ± 7.07",
    }


def test_reranked_captions_have_a_mean_of_their_own():
    runs = [
        make(
            i,
            **with_reranked(
                {"task": "captions", "captions": {"CIDEr": i / 10, "perplexity": 9.0}},
                {"captions": {"CIDEr": i / 5}},
            ),
        )
        for i in (1, 2)
    ]
    scored, perplexity = (cells(box) for box in caption_tables(runs, ["a", "b"]))
    assert scored["Ours, mean of 2 runs ± deviation"] == ["0.150 ± 0.071"]
    assert scored["Ours, reranked, mean of 2 runs ± deviation"] == ["0.300 ± 0.141"]
    assert not any("reranked, mean" in row for row in perplexity)


def test_low_perplexity_is_best_and_sizes_do_not_compete():
    runs = [
        make(task="captions", captions={"CIDEr": 0.9, "perplexity": p, "vocabulary_size": 2921})
        for p in (12.345, 9.0)
    ]
    first, second = (cells(box) for box in caption_tables(runs, ["a", "b"]))
    assert first == {"a": ["<b>0.900</b>"], "b": ["<b>0.900</b>"]}
    assert second == {"a": ["12.35", "2,921"], "b": ["<b>9.000</b>", "2,921"]}


def test_retrieval_has_a_table_each_way_with_the_number_of_candidates():
    captions = {"image retrieval R@1": 0.2, "image retrieval median rank": 30.0}
    captions["image retrieval candidates"] = 1000
    other = {**captions, "image retrieval median rank": 8.5}
    runs = [make(task="captions", captions=own) for own in (captions, other)]
    (table,) = caption_tables(runs, ["a", "b"])
    assert cells(table)["a"] == ["<b>0.200</b>", "30.00", "1,000"]
    assert cells(table)["b"] == ["<b>0.200</b>", "<b>8.500</b>", "1,000"]
