"""The binary that scores captions: flags to results, one line where a flag is refused."""

import json

from tests.processes import run_module


def run(*flags):
    return run_module("eval.evaluate_captions", *flags)


def test_scores_an_ensemble_with_another_decoding(caption_runs, demo_data, tmp_path):
    done = run(
        *(f"--workdir={path}" for path in caption_runs),
        f"--data_dir={demo_data}",
        f"--out={tmp_path}",
        "--split=validation",
        "--meteor=no",
        "--submission_split=val2014",
        "--num_pictures=1",
        "--config.decoding.beam_width=2",
        "--config.decoding.max_steps=5",
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert (results["decoding"]["beam_width"], results["decoding"]["max_steps"]) == (2, 5)
    assert len(results["evaluated"]) == 2
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("CIDEr")]
    assert line.split()[1] == f"{results['captions']['CIDEr']:.4f}"
    assert line.split()[-1] == "1.054"
    assert "demo_captions/s_cnn_rnn on 8 images of validation" in done.stdout
    assert "paper, Table 4: Ours" in done.stdout
    assert "other data, so the two do not compare" in done.stdout
    assert (tmp_path / "captions_val2014_s_cnn_rnn_results.json").exists()


def test_prints_the_scores_before_and_after_reranking(caption_runs, demo_data, tmp_path):
    done = run(
        f"--workdir={caption_runs[0]}",
        f"--data_dir={demo_data}",
        f"--out={tmp_path}",
        "--meteor=no",
        "--num_pictures=0",
        "--rerank",
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("CIDEr")]
    before, after = results["captions_before_reranking"], results["reranked"]["captions"]
    assert line.split()[1::2][:2] == [f"{scores['CIDEr']:.4f}" for scores in (before, after)]


def test_another_part_of_the_config_is_refused_in_one_line(caption_runs, demo_data):
    done = run(
        f"--workdir={caption_runs[0]}", f"--data_dir={demo_data}", "--config.decoder.cells=8"
    )
    assert done.returncode == 2
    (line,) = [x for x in done.stderr.splitlines() if x.startswith("error: ")]
    assert line.endswith("Received: --config.decoder.cells=8")
    assert "Traceback" not in done.stderr
