"""The binary prints a line a parameter group and writes the figures."""

import json

from tests.processes import run_module


def run(*flags):
    return run_module("eval.measure_gradients", *flags)


def test_prints_a_line_a_group_and_writes_the_figures(tag_run, demo_data, tmp_path):
    out = tmp_path / "gradients.json"
    done = run(f"--workdir={tag_run}", f"--data_dir={demo_data}", "--num_batches=1", f"--out={out}")
    assert done.returncode == 0, done.stderr
    title, header, _, encoder, head = done.stdout.splitlines()
    assert title == "demo_tags/s_cnn_rnn: means of 1 training batches of 8"
    assert " ".join(header.split()) == "gradients of norm of Lu's norm of Lr's cosine"
    groups = json.loads(out.read_text())["groups"]
    assert encoder.split()[1] == f"{groups['encoder']['unary_norm']:.4g}"
    assert head.split()[0] == "image_head"


def test_a_wrong_folder_is_one_line(demo_data, tmp_path):
    done = run(f"--workdir={tmp_path}", f"--data_dir={demo_data}")
    assert done.returncode == 2
    (line,) = [x for x in done.stderr.splitlines() if x.startswith("error: ")]
    assert line.startswith("error: `workdir` must be the folder of a run")
