"""The binary that scores tags: a table with intervals, one line where a flag is refused."""

import json

from tests.processes import run_module


def run(*flags):
    return run_module("eval.evaluate_tags", *flags)


def test_prints_ours_and_the_cnns_cuts_with_intervals(tag_run, demo_data, tmp_path):
    done = run(
        f"--workdir={tag_run}",
        f"--cnn={tag_run}",
        f"--data_dir={demo_data}",
        f"--out={tmp_path}",
        "--config.decoding.block_repeats=true",
        "--num_pictures=0",
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["decoding"]["block_repeats"] is True
    (ours,) = [line for line in done.stdout.splitlines() if line.startswith("ours ")]
    assert f"{100 * results['systems']['ours']['O-F1']:.2f}" in ours.split()
    assert done.stdout.count("  95 % interval") == 4
    assert "CNN top 3" in done.stdout


def test_a_caption_run_is_refused_in_one_line(caption_runs, demo_data):
    done = run(f"--workdir={caption_runs[0]}", f"--data_dir={demo_data}")
    assert done.returncode == 2
    (line,) = [x for x in done.stderr.splitlines() if x.startswith("error: ")]
    assert line.startswith("error: `workdir` must hold a run on tags.")
    assert "Traceback" not in done.stderr
