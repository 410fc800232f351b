"""The printed tables on the terminal and in files, and refused names."""

import json

from tests.processes import run_module


def run(*flags):
    return run_module("eval.compare_with_paper", *flags)


def test_prints_a_run_beside_its_row(tmp_path):
    data = {"dataset": "nus_wide", "task": "tags"}
    config = {"name": "nus_wide_tags/ria", "table_row": "Table 1: RIA", "data": data}
    (tmp_path / "config.json").write_text(json.dumps({"config": config, "stage": "joint"}))
    results = {"task": "tags", "split": "test", "systems": {"ours": {"O-F1": 0.68, "C-R": 0.4}}}
    (tmp_path / "results.json").write_text(json.dumps(results))
    done = run(f"--workdir={tmp_path}", "--table=Table 1")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "## Table 1: Multi-label classification on NUS-WIDE"
    place = lines.index("| RIA | 43.62 | 52.92 | 47.82 | 66.75 | 68.98 | 67.85 |")
    assert lines[place + 1] == "| *here: RIA, on nus_wide test* | 40.00 | – | – | – | – | 68.00 |"
    assert lines[place + 2] == "| *difference* | -3.62 | – | – | – | – | +0.15 |"


def test_a_run_of_another_name_is_told(tmp_path):
    data = {"dataset": "custom", "task": "tags"}
    config = {"name": "custom_tags/mine", "data": data}
    (tmp_path / "config.json").write_text(json.dumps({"config": config, "stage": "joint"}))
    results = {"task": "tags", "split": "test", "systems": {"ours": {"O-F1": 0.68}}}
    (tmp_path / "results.json").write_text(json.dumps(results))
    done = run(f"--workdir={tmp_path}")
    assert done.stdout.splitlines()[-1].startswith(
        f"{tmp_path} (custom_tags/mine) is in no table: it reproduces no printed row"
    )


def test_writes_what_the_ending_says(tmp_path):
    for name, start in (("tables.md", "## Table 1"), ("tables.html", "<!DOCTYPE html>")):
        done = run(f"--out={tmp_path / name}")
        assert done.stdout == f"Tables written to {tmp_path / name}\n"
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)


def test_an_unknown_table_is_one_line():
    done = run("--table=Table 9")
    assert done.returncode == 2
    assert done.stderr.startswith("error: `tables` must be among Table 1, Table 2,")
    assert done.stderr.count("\n") == 1
