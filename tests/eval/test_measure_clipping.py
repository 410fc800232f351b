"""The binary prints a line a bucket and writes the figures."""

import json

from tests.processes import run_module


def test_prints_a_line_a_bucket_and_writes_the_figures(caption_runs, demo_data, tmp_path):
    out = tmp_path / "clipping.json"
    flags = [f"--workdir={caption_runs[0]}", f"--data_dir={demo_data}", f"--out={out}"]
    done = run_module("eval.measure_clipping", *flags, "--num_batches=2")
    assert done.returncode == 0, done.stderr
    title, header, _, *rows = done.stdout.splitlines()
    assert title.startswith(
        "demo_captions/s_cnn_rnn, joint stage: 2 training batches, clip_norm 50"
    )
    assert header.split("  ")[0] == "mean length"
    buckets = json.loads(out.read_text())["buckets"]
    assert len(rows) == len(buckets) == 2
    assert rows[0].split()[0] == f"{buckets[0]['mean_length']:.3g}"
