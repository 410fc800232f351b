"""The printed tables: the arithmetic that holds in them, the lookups, and the transcription."""

import json
from pathlib import Path

import pytest

from semreg_tf import experiments
from semreg_tf.experiments import reported

SHARED = Path(__file__).parents[2] / ".." / "shared" / "paper" / "paper_tables.json"
PRINTED = {
    "Table 1": "table1_nus_wide",
    "Table 2": "table2_coco_tags",
    "Table 3": "table3_coco_server",
    "Table 4": "table4_coco_val_ablation",
}


def test_every_row_has_a_figure_for_every_column():
    for table in reported.TABLES.values():
        for system in table.rows:
            assert list(table.figures(system)) == list(table.columns)
        assert set(table.marks) | set(table.ranks) <= set(table.rows)
        assert all(len(ranks) == len(table.columns) for ranks in table.ranks.values())


@pytest.mark.parametrize("kind", ["C", "O"])
def test_f1_is_the_harmonic_mean_of_the_printed_means(kind):
    """But for one figure, which the paper quotes from elsewhere."""
    off = []
    for table in (reported.TABLES["Table 1"], reported.TABLES["Table 2"]):
        for system in table.rows:
            f = table.figures(system)
            r, p = f[f"{kind}-R"], f[f"{kind}-P"]
            if abs(f[f"{kind}-F1"] - 2 * p * r / (p + r)) > 0.06:
                off.append((table.name, system, kind))
    assert off == ([("Table 2", "CNN+WARP", "O")] if kind == "O" else [])


def test_lookup_finds_a_row_and_its_readings():
    table, system = reported.lookup("Table 1: Ours+Tag1K Fix")
    assert (table.dataset, table.figures(system)["O-F1"]) == ("nus_wide", 76.77)
    assert reported.lookup("Table 4: NIC-F, Fig. 1(a)") == (reported.TABLES["Table 4"], "NIC-F")


@pytest.mark.parametrize(
    "table_row",
    [None, "", "demo, after Table 1: Ours", "Table 1 (supplement): CNN+tag1k", "Table 2: SINN"],
)
def test_lookup_gives_none_where_nothing_is_printed(table_row):
    assert reported.lookup(table_row) is None


def test_experiments_that_name_a_table_find_their_row():
    unprinted = {"coco_tags/s_cnn_rnn_tag1k_fix"}
    for name in experiments.names():
        row = experiments.get(name).table_row
        if row.startswith("Table") and "supplement" not in row and name not in unprinted:
            assert reported.lookup(row), name


def test_the_tables_are_of_the_data_sets_of_the_experiments():
    for name in ("nus_wide_tags/ria", "coco_tags/ria", "coco_captions/nic_f"):
        config = experiments.get(name)
        table, _ = reported.lookup(config.table_row)
        assert (table.dataset, table.task) == (config.data.dataset, config.data.task)


def test_an_unknown_row_lists_the_known():
    message = r"`system` must be a row of Table 4: NIC-F, NIC-deeply, Ours\. Received: system='X'"
    with pytest.raises(ValueError, match=message):
        reported.TABLES["Table 4"].figures("X")


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/paper")
def test_figures_equal_the_transcription():
    written = json.loads(SHARED.read_text(encoding="utf-8"))
    for name, key in PRINTED.items():
        table = reported.TABLES[name]
        assert set(table.rows) == set(written[key])
        for system, row in written[key].items():
            figures = table.figures(system)
            ranks = dict(zip(table.columns, table.ranks.get(system, ()), strict=False))
            for column, value in row.items():
                if column == "side_information":
                    assert (system in table.marks) == value
                elif isinstance(value, dict):
                    assert (figures[column], ranks[column]) == (value["score"], value["rank"])
                else:
                    assert figures[column] == value
    perplexity, *bleu = reported.TABLES["m-RNN on Flickr8k"].rows["m-RNN (AlexNet)"]
    assert [perplexity, *bleu] == list(written["mrnn_flickr8k_alexnet"].values())
    assert list(reported.TABLES["m-RNN on IAPR TC-12"].rows["m-RNN"]) == list(
        written["mrnn_iapr_tc12"].values()
    )
