"""The binary that chooses the reranking's settings prints the flags of the best."""

from tests.processes import run_module


def run(*flags):
    return run_module("eval.choose_reranking", *flags)


def test_prints_every_setting_and_the_flags_of_the_best(caption_runs, demo_data):
    done = run(
        f"--workdir={caption_runs[0]}",
        f"--data_dir={demo_data}",
        "--similarities=bleu",
        "--hypotheses=2",
        "--neighbours=3",
        "--best=4,5",
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "demo_captions/s_cnn_rnn on 8 images of validation" in lines
    assert sum(line.startswith("bleu ") for line in lines) == 2
    assert lines[-1].startswith("--config.reranking.similarity=bleu --config.reranking.hyp")


def test_a_wrong_number_is_one_line(caption_runs, demo_data):
    done = run(f"--workdir={caption_runs[0]}", f"--data_dir={demo_data}", "--best=many")
    assert done.returncode == 2
    (line,) = [x for x in done.stderr.splitlines() if x.startswith("error: ")]
    assert line.endswith("Received: best=['many']")
