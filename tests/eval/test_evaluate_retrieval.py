"""The binary that scores retrieval: flags to retrieval.json and a table."""

import json

from tests.processes import run_module


def run(*flags):
    return run_module("eval.evaluate_retrieval", *flags)


def test_prints_both_directions_beside_chance(caption_runs, demo_data, tmp_path):
    done = run(
        f"--workdir={caption_runs[0]}",
        f"--data_dir={demo_data}",
        f"--out={tmp_path}",
        "--num_images=3",
        "--num_sentences=5",
        "--marginal_images=2",
        "--bfloat16",
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "retrieval.json").read_text())
    assert results["precision"] == "bfloat16"
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("image by sentence")]
    recall = results["retrieval"]["image by sentence"]["R@1"]
    assert line.split()[3] == f"{100 * recall:.2f}"
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("chance, image by sentence")]
    assert line.split()[4:8] == ["33.33", "100.00", "100.00", "2"]
    assert "3 images and 5 sentences, a part of test" in done.stdout


def test_a_wrong_number_is_one_line(caption_runs, demo_data):
    done = run(f"--workdir={caption_runs[0]}", f"--data_dir={demo_data}", "--num_images=0")
    assert done.returncode == 2
    (line,) = [x for x in done.stderr.splitlines() if x.startswith("error: ")]
    assert line.endswith("Received: num_images=0")
