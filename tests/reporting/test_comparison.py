"""Runs beside printed rows: who stands where, and when a difference is taken."""

import dataclasses
from pathlib import Path

from semreg_tf.experiments import reported
from semreg_tf.reporting.comparison import DIFFERENCE, PRINTED, RUN, compare, left_out, to_markdown
from semreg_tf.reporting.run_files import RunFiles


def make(row, dataset, split="test", task="captions", **results):
    data = {"dataset": dataset, "task": task}
    about = {"config": {"name": "x/y", "table_row": row, "data": data}, "stage": "joint"}
    return RunFiles(Path("run"), about, {"split": split, **results}, (), (), {}, ())


def rows(run, table):
    (comparison,) = compare([run], [table])
    return [row for row in comparison.rows if row.kind != PRINTED]


def test_tags_are_compared_in_percent_on_their_own_data():
    run = make("Table 1: Ours", "nus_wide", task="tags", systems={"ours": {"C-P": 0.5, "N+": 80}})
    ours, difference = rows(run, "Table 1")
    assert (ours.kind, difference.kind) == (RUN, DIFFERENCE)
    assert ours.figures == (None, 50.0, None, None, None, None)
    assert difference.figures[1] == 50.0 - 55.65
    assert difference.label == "difference"


def test_other_data_has_figures_but_no_difference():
    run = make("Table 4: NIC-F, Fig. 1(a)", "flickr8k", captions={"CIDEr": 0.5})
    (ours,) = rows(run, "Table 4")
    assert ours.label == "here: NIC-F, Fig. 1(a), on flickr8k test: other data, no difference"


def test_every_captioner_of_flickr8k_stands_beside_mrnn_and_tells_its_split():
    run = make("Table 4: Ours", "flickr8k", "validation", captions={"perplexity": 20.0})
    ours, difference = rows(run, "m-RNN on Flickr8k")
    assert ours.figures[0] == 20.0
    assert difference.label == "difference, on another split"
    assert not rows(make("Table 4: Ours", "coco_captions", captions={}), "m-RNN on Flickr8k")


def test_runs_without_results_or_rows_stand_nowhere():
    assert not rows(make("Table 4: Ours", "coco_captions"), "Table 4")
    run = make("demo, after Table 1: Ours", "demo", task="tags", systems={"ours": {"C-P": 0.5}})
    assert not any(comparison.has_runs for comparison in compare([run]))


def test_every_run_on_an_annotation_set_stands_beside_its_tables_by_kind_of_label_set():
    systems = {
        "ours": {"C-P": 0.5, "N+": 100},
        "ours, exactly 5": {"C-P": 0.25, "N+": 140},
        "CNN top 5": {"C-P": 0.125, "N+": 120},
        "CNN top 3": {"C-P": 0.75, "N+": 90},
        "CNN cut at 0.5": {"C-P": 0.375, "N+": 80},
    }
    run = make("any", "image_annotation/corel5k", "validation", "tags", systems=systems)
    at_5 = [row.figures for row in rows(run, "Corel-5k at 5 labels")]
    assert at_5 == [(25.0, None, None, 140), (12.5, None, None, 120)]
    own = [row.figures[0] for row in rows(run, "Corel-5k, own length")]
    assert own == [50.0, 37.5]
    assert not rows(run, "ESP Game at 5 labels")


def test_a_run_is_a_row_or_a_sentence_says_why_not():
    tags = {"task": "tags", "systems": {"ours": {"C-P": 0.5}}}
    runs = [
        make("Table 1: Ours", "nus_wide", **tags),
        make("Table 4: Ours", "coco_captions"),
        make("Table 2: Ours", "coco_tags", **tags),
        make("demo, after Table 1: Ours", "demo", **tags),
        make("", "custom", **tags),
    ]
    sentences = left_out(runs, ["Table 1"])
    assert [s.partition(" is in no table: ")[2][:30] for s in sentences] == [
        "it has no scores yet: evaluate",
        "its row is in Table 2, not in ",
        "its row, 'demo, after Table 1:",
        "it reproduces no printed row: ",
    ]
    assert all(s.startswith("run (x/y) ") for s in sentences)
    rows = [r for c in compare(runs) for r in c.rows if r.kind == RUN]
    assert len(rows) + len(left_out(runs)) == len(runs)


def test_markdown_shows_figures_as_printed():
    text = to_markdown(compare([], ["Table 1", "Table 3", "m-RNN on Flickr8k"]))
    assert "| Ours+Tag1K† | 61.73 | 71.73 | 66.36 | 76.88 | 77.41 | 77.15 |" in text
    assert "| MSRCap | 0.715 (20) |" in text
    assert "| m-RNN (AlexNet) | 24.39 | 0.565 |" in text
    assert "In percent. Printed figures: on 59,347 test images" in text


def test_retrieval_stands_beside_mrnns_unless_a_part_of_the_split_was_ranked():
    figures = {"sentence by image": {"R@1": 0.25}, "image by sentence": {"R@1": 0.125}}
    found = {"split": "test", "whole_split": True, "retrieval": figures}
    run = make("m-RNN on IAPR TC-12: m-RNN", "iapr_tc12", captions={"CIDEr": 0.5})
    ours, difference = rows(dataclasses.replace(run, retrieval=found), "m-RNN on IAPR TC-12")
    assert ours.figures == (25.0, 12.5)
    assert difference.figures == (25.0 - 20.9, 12.5 - 13.2)
    part = dataclasses.replace(run, retrieval={**found, "whole_split": False})
    assert rows(part, "m-RNN on IAPR TC-12")[0].figures == (None, None)


def test_a_run_stands_beside_the_servers_figures_with_five_references_alone():
    run = make("Table 3: NICv2", "coco_captions", captions={"CIDEr": 0.9, "BLEU-4": 0.25})
    ours, difference = rows(run, "Table 3")
    printed = reported.TABLES["Table 3"]
    at = dict(zip(printed.columns, ours.figures, strict=True))
    assert (at["CIDEr/c5"], at["BLEU-4/c5"]) == (0.9, 0.25)
    assert at["CIDEr/c40"] is None and at["METEOR/c5"] is None
    assert difference.label == "difference, on another split"
    assert difference.figures[printed.columns.index("CIDEr/c5")] == 0.9 - 0.943
