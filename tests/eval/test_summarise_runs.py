"""One table of several runs: mean and spread over seeds."""

import json
import statistics

import pytest

from eval import summarise_runs
from semreg_tf.metrics.caption_results import with_reranked


def write(folder, results):
    folder.mkdir()
    (folder / "results.json").write_text(json.dumps(results))
    return str(folder)


def tags(value):
    scores = {"C-F1": value, "O-F1": value, "micro-F1": value, "mAP": value}
    cut = dict.fromkeys(scores, value / 2)
    systems = {"ours": scores, f"CNN cut at {value:.2f} (best on validation)": cut}
    return {"experiment": "demo_tags/s_cnn_rnn", "task": "tags", "systems": systems}


def test_seeds_of_a_system_are_one_row(tmp_path, capsys):
    values = (0.5, 0.6, 0.8)
    paths = [write(tmp_path / str(v), tags(v)) for v in values]
    summarise_runs.main(["", *paths])
    out = capsys.readouterr().out.splitlines()
    mean, spread = 100 * statistics.fmean(values), 100 * statistics.stdev(values)
    (ours,) = [x for x in out if x.startswith("demo_tags/s_cnn_rnn ")]
    assert f"{mean:.2f} +- {spread:.2f}" in ours
    (cut,) = [x for x in out if "CNN cut at best on validation" in x]
    assert f"{mean / 2:.2f} +- {spread / 2:.2f}" in cut


def test_captions_have_a_table_of_their_own(tmp_path, capsys):
    scores = {"BLEU-1": 0.5, "BLEU-4": 0.1, "ROUGE-L": 0.4, "CIDEr": 1.25, "perplexity": 9.0}
    results = {"experiment": "demo_captions/nic", "task": "captions", "captions": scores}
    summarise_runs.main(["", write(tmp_path / "one", results)])
    out = capsys.readouterr().out
    assert "CIDEr" in out
    assert "1.25" in out
    assert "+-" not in out


def test_run_without_results_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        summarise_runs.main(["", str(tmp_path)])
    assert "`workdir` must be evaluated first" in capsys.readouterr().err


def test_reranked_captions_are_a_row_of_their_own(tmp_path, capsys):
    scores = {"BLEU-4": 0.1, "CIDEr": 1.25, "perplexity": 9.0}
    results = {"experiment": "demo_captions/nic", "task": "captions", "captions": scores}
    reranked = {"captions": {"BLEU-4": 0.2, "CIDEr": 1.5}}
    summarise_runs.main(["", write(tmp_path / "one", with_reranked(results, reranked))])
    rows = {x.split("  ")[0]: x for x in capsys.readouterr().out.splitlines()}
    assert "1.25" in rows["demo_captions/nic, before reranking"]
    assert "1.5" in rows["demo_captions/nic, reranked"]
