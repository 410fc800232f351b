"""Whole evaluations of toy runs: what is written, and that it is what the metrics say."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from semreg_tf import experiments
from semreg_tf.data import input_pipeline
from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.records import find_builder
from semreg_tf.evaluation import likelihood_evaluator, scoring
from semreg_tf.evaluation.evaluate_predictions import PreparedSplit, evaluate_predictions
from semreg_tf.evaluation.runs import evaluate_run
from semreg_tf.evaluation.runs.evaluate_retrieval import evaluate_retrieval
from semreg_tf.evaluation.runs.evaluate_run import evaluate_captions, evaluate_tags
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun
from semreg_tf.evaluation.runs.options import CaptionOptions, TagOptions
from semreg_tf.files.result_origin import best_checkpoint
from semreg_tf.metrics.captions import caption_metrics
from semreg_tf.metrics.coco_results import read_results
from semreg_tf.metrics.multilabel import best_threshold, multilabel_metrics
from semreg_tf.report import build_report
from semreg_tf.reporting.cards import image_score
from semreg_tf.reporting.run_files import read_run
from semreg_tf.training.trainer import Trainer


def refused(constant):
    raise ValueError(f"{constant} is no JSON")


def rows_of(folder):
    lines = (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line, parse_constant=refused) for line in lines]


@pytest.fixture(scope="module")
def annotations(demo_data):
    return read_annotations(find_builder(demo_data, "demo").data_dir, "test")


@pytest.fixture(scope="module")
def captions(caption_runs, demo_data, tmp_path_factory):
    """An ensemble evaluated into a folder of its own."""
    out = tmp_path_factory.mktemp("evaluated") / "captions"
    results = evaluate_captions(
        caption_runs,
        demo_data,
        CaptionOptions(
            num_pictures=2,
            overrides=["decoding.beam_width=2"],
            out=out,
            submission_split="val2014",
            meteor=False,
        ),
    )
    return out, results


@pytest.fixture(scope="module")
def tags(tag_run, demo_data):
    return tag_run, evaluate_tags(tag_run, demo_data, TagOptions(num_pictures=1))


def test_results_say_what_was_evaluated_and_how(captions, caption_runs):
    out, results = captions
    written = json.loads((out / "results.json").read_text(), parse_constant=refused)
    assert written == results
    assert (written["task"], written["split"], written["num_images"]) == ("captions", "test", 8)
    assert written["dataset"] == "demo"
    assert written["decoding"]["beam_width"] == 2
    assert written["evaluated"] == [str(path) for path in caption_runs]
    assert written["checkpoints"] == [best_checkpoint(path) for path in caption_runs]
    assert len(written["checkpoints"][0]["sha256"]) == 64
    assert "pictures of test" in written["dataset_digests"]
    assert not (caption_runs[0] / "results.json").exists()


def test_captions_are_scored_by_the_metrics(captions, annotations):
    out, results = captions
    rows = rows_of(out)
    assert [row["image_id"] for row in rows] == [a.image_id for a in annotations]
    assert all(len(row["n_best"]) == 2 for row in rows)
    hypotheses = {row["image_id"]: row["n_best"][0][0] for row in rows}
    references = {a.image_id: list(a.captions) for a in annotations}
    metrics = caption_metrics(references, hypotheses, meteor=False)
    for name, value in metrics.scores.items():
        assert results["captions"][name] == pytest.approx(value)
        low, high = results["intervals"][name]
        assert low <= value <= high
    assert rows[3]["scores"]["CIDEr"] == metrics.per_image["CIDEr"][rows[3]["image_id"]]
    assert results["captions"]["perplexity"] > 1
    assert 0 < results["concept_mAP"] <= 1


def test_the_submission_scores_the_same_by_itself(captions, demo_data):
    out, results = captions
    path = out / "captions_val2014_s_cnn_rnn_results.json"
    assert results["submission"] == path.name
    assert read_results(path) == {r["image_id"]: r["n_best"][0][0] for r in rows_of(out)}
    again = evaluate_predictions(path, "captions", PreparedSplit(demo_data, "demo"), meteor=False)
    assert again["captions"].items() <= results["captions"].items()
    assert again["intervals"] == results["intervals"]


def test_the_report_reads_the_folder_of_results(captions):
    out, results = captions
    run = read_run(out)
    assert (run.stage, run.config["decoding"]["beam_width"]) == ("joint", 2)
    assert run.concept_counts
    assert run.main_scores()["CIDEr"] == results["captions"]["CIDEr"]
    page = build_report([out])
    assert page.count("data:image/jpeg;base64,") == sum("picture" in row for row in rows_of(out))


def test_pictures_are_small_copies_of_their_rows(captions, demo_data):
    out, _ = captions
    rows = rows_of(out)
    # All eight are among the first, the best or the worst.
    assert [row["picture"] for row in rows] == [f"pictures/test-{i:05d}.jpg" for i in range(8)]
    records = find_builder(demo_data, "demo").as_dataset(split="test", shuffle_files=False)
    whole = [record["image"] for record in records.as_numpy_iterator()]
    for row, image in zip(rows, whole, strict=True):
        with Image.open(out / row["picture"]) as picture:
            small = np.asarray(picture, np.float32)
        assert max(small.shape) <= 224
        original = Image.fromarray(image)
        original.thumbnail((224, 224))
        assert np.abs(small - np.asarray(original, np.float32)).mean() < 8


def test_tags_are_scored_by_the_metrics(tags, annotations):
    path, results = tags
    rows = rows_of(path)
    names = [entry["name"] for entry in results["systems"]["ours"]["per_class"]]
    systems = {"ours": [row["n_best"][0][0].split(", ") for row in rows]}
    for cut in rows[0]["cnn"]:
        systems[cut] = [row["cnn"][cut] for row in rows]
    assert list(systems) == list(results["systems"]) == list(results["intervals"])
    assert len(systems) == 4
    truth = np.array([[n in a.labels for n in names] for a in annotations])
    for system, labels in systems.items():
        guesses = np.array([[n in own for n in names] for own in labels])
        metrics = multilabel_metrics(truth, guesses)
        scores = results["systems"][system]
        assert scores["O-F1"] == pytest.approx(metrics.image_f1)
        assert scores["C-F1"] == pytest.approx(metrics.class_f1)
        low, high = results["intervals"][system]["O-F1"]
        assert low <= scores["O-F1"] <= high
    assert results["systems"]["ours"]["mAP"] > 0


def test_each_image_has_the_score_that_the_report_gives_it(tags):
    path, _ = tags
    for row in rows_of(path):
        scores = row["scores"]
        assert scores["F1"] == pytest.approx(image_score(row, "tags"))
        human, said = set(row["labels"]), set(row["n_best"][0][0].split(", "))
        assert scores["precision"] == pytest.approx(len(human & said) / len(said))
        assert scores["recall"] == pytest.approx(len(human & said) / len(human))


def test_a_threshold_chosen_on_the_evaluated_split_is_called_so(tags, tag_run, demo_data, tmp_path):
    _, alone = tags
    cnn = shutil.copytree(tag_run, tmp_path / "unary")
    fields = {"overrides": ["decoding.combine=true"], "cnn_path": cnn, "num_pictures": 0}
    options = TagOptions(split="validation", out=tmp_path / "out", **fields)
    given = evaluate_tags(tag_run, demo_data, options)
    assert given["cnn"] == str(cnn) and given["test_views"] == 1
    (told,) = [w for w in given["warnings"] if "labels are those of another run" in w]
    assert "another run, demo_tags/s_cnn_rnn after its joint stage" in told
    assert str(tmp_path) not in told
    assert "upper bound" in given["warnings"][0]
    chosen = [name for name in given["systems"] if "best on" in name]
    assert len(chosen) == 2 and all("best on validation, this very split" in x for x in chosen)
    assert any("best on validation" in name for name in alone["systems"])
    assert not (tmp_path / "out" / "pictures").exists()
    assert "picture" not in rows_of(tmp_path / "out")[0]


def test_after_the_unary_stage_there_are_cuts_alone(tag_run, demo_data, tmp_path, monkeypatch):
    class Unary(EvaluatedRun):
        def __setattr__(self, name, value):
            super().__setattr__(name, "unary" if name == "stage" else value)

    monkeypatch.setattr(evaluate_run, "EvaluatedRun", Unary)
    results = evaluate_tags(tag_run, demo_data, TagOptions(num_pictures=1, out=tmp_path / "out"))
    assert "ours" not in results["systems"]
    row = rows_of(tmp_path / "out")[0]
    assert row["n_best"] == []
    assert row["scores"]["F1"] == pytest.approx(image_score(row, "tags", has_decoder=False))


@pytest.mark.parametrize("name", ["demo_tags/ria", "demo_captions/nic_f"])
def test_a_head_that_nothing_taught_is_not_scored(name, toy, demo_data, tmp_path):
    Trainer(toy(experiments.get(name)), "joint", demo_data, tmp_path / "run").train()
    if "tags" in name:
        results = evaluate_tags(tmp_path / "run", demo_data, TagOptions(num_pictures=0))
        assert list(results["systems"]) == ["ours"]
        assert results["systems"]["ours"]["mAP"] is None
        assert any("not supervised" in line for line in results["warnings"])
    else:
        results = evaluate_captions(
            tmp_path / "run", demo_data, CaptionOptions(num_pictures=0, meteor=False)
        )
        assert results["concept_mAP"] is None


def test_a_split_without_references_gets_captions_alone(
    caption_runs, demo_data, tmp_path, monkeypatch
):
    plain = input_pipeline.read_annotations
    monkeypatch.setattr(
        input_pipeline,
        "read_annotations",
        lambda *args: [dataclasses.replace(a, captions=(), tokens=()) for a in plain(*args)],
    )
    with pytest.raises(ValueError, match=r"images with captions.*--submission_split.*='test', 8"):
        evaluate_captions(
            caption_runs[0], demo_data, CaptionOptions(num_pictures=1, out=tmp_path / "out")
        )
    assert not (tmp_path / "out").exists()
    results = evaluate_captions(
        caption_runs[0],
        demo_data,
        CaptionOptions(num_pictures=1, out=tmp_path / "out", submission_split="test2014"),
    )
    assert (results["captions"], results["intervals"], results["concept_mAP"]) == ({}, {}, None)
    assert results["warnings"] == ["The split has no references: there is nothing to score against"]
    assert len(read_results(tmp_path / "out" / results["submission"])) == 8


def test_a_split_without_labels_or_captions_is_refused(
    caption_runs, tag_run, demo_data, tmp_path, monkeypatch
):
    plain = input_pipeline.read_annotations
    monkeypatch.setattr(
        input_pipeline,
        "read_annotations",
        lambda *args: [
            dataclasses.replace(a, captions=(), tokens=(), labels=()) for a in plain(*args)
        ],
    )
    with pytest.raises(ValueError, match=r"hold images with labels.*split='test', 8 images"):
        evaluate_tags(tag_run, demo_data)
    with pytest.raises(ValueError, match=r"hold images with captions.*split='test', 8 images"):
        evaluate_retrieval(caption_runs[0], demo_data, out=tmp_path / "out")


def test_images_without_references_are_counted_and_left_out(
    caption_runs, demo_data, tmp_path, monkeypatch
):
    plain = input_pipeline.read_annotations

    def some(*args):
        first, *others = plain(*args)
        return [dataclasses.replace(first, captions=(), tokens=()), *others]

    monkeypatch.setattr(input_pipeline, "read_annotations", some)
    results = evaluate_captions(
        caption_runs[0],
        demo_data,
        CaptionOptions(num_pictures=0, out=tmp_path / "out", meteor=False),
    )
    assert "1 images have no reference and are left out of every score" in results["warnings"]
    rows = rows_of(tmp_path / "out")
    assert [bool(row["scores"]) for row in rows] == [False] + [True] * 7


def test_true_concepts_are_fed_to_the_decoder(captions, caption_runs, demo_data, tmp_path):
    fed = evaluate_captions(
        caption_runs[0],
        demo_data,
        CaptionOptions(out=tmp_path, true_concepts=True, num_pictures=0, meteor=False),
    )
    assert fed["true_concepts"] is True
    assert fed["concept_mAP"] == 1.0
    own = captions[1]
    assert fed["captions"]["perplexity"] != own["captions"]["perplexity"]
    assert own["true_concepts"] is False


def test_true_concepts_need_a_folder_of_their_own_and_a_decoder_that_reads_them(
    caption_runs, demo_data, tmp_path, toy
):
    with pytest.raises(ValueError, match=r"`out` must be given with `true_concepts`.*out=None"):
        evaluate_captions(caption_runs[0], demo_data, CaptionOptions(true_concepts=True))
    config = toy(experiments.get("demo_captions/nic_f"))
    Trainer(config, "joint", demo_data, tmp_path / "run").train()
    with pytest.raises(ValueError, match=r"only where the decoder reads concepts alone. Received"):
        evaluate_captions(
            tmp_path / "run", demo_data, CaptionOptions(out=tmp_path / "o", true_concepts=True)
        )


def test_a_name_that_is_no_word_is_refused_before_any_work(caption_runs, demo_data, tmp_path):
    with pytest.raises(ValueError, match="`split` must be a word without blanks"):
        evaluate_captions(
            caption_runs[0],
            demo_data,
            CaptionOptions(out=tmp_path / "out", submission_split="val 2014"),
        )
    assert not (tmp_path / "out").exists()


def test_an_infinite_perplexity_leaves_the_json_readable(
    caption_runs, demo_data, tmp_path, monkeypatch
):
    infinite = {"perplexity": float("inf"), "num_tokens": 5}
    monkeypatch.setattr(likelihood_evaluator, "caption_perplexity", lambda *_: infinite)
    results = evaluate_captions(
        caption_runs[0],
        demo_data,
        CaptionOptions(num_pictures=0, out=tmp_path / "out", meteor=False),
    )
    assert (results["captions"]["perplexity"], results["captions"]["num_tokens"]) == (None, 5)
    assert "is infinite" in results["warnings"][-1]
    json.loads((tmp_path / "out" / "results.json").read_text(), parse_constant=refused)


@pytest.mark.parametrize(
    ("overrides", "weight"), [([], 0.4), (["decoding.combine_weight=0.1"], 0.1)]
)
def test_decoder_and_cnn_are_cut_together_and_at_fixed_lengths(
    overrides, weight, tag_run, demo_data, tmp_path
):
    overrides = ["decoding.combine=true", "decoding.fixed_lengths=[2]", *overrides]
    options = TagOptions(num_pictures=0, overrides=overrides, out=tmp_path)
    results = evaluate_tags(tag_run, demo_data, options)
    names = list(results["systems"])
    (cut,) = [n for n in names if n.startswith("ours with the CNN, cut at ")]
    assert cut.endswith("(best on validation)")
    assert {"ours, exactly 2", "CNN top 2", "ours with the CNN, top 2"} <= set(names)
    run = EvaluatedRun(tag_run, demo_data)
    split = run.split("test")
    assert f"{results['combine_threshold']:.2f}" in cut
    logarithms = np.log(run.concept_probabilities(split)), np.log(run.label_scores(split))
    means = np.exp(np.average(logarithms, axis=0, weights=(1 - weight, weight)))
    labels = scoring.top_k_labels(means, 2)
    expected = scoring.tag_scores(split, labels, means)
    assert results["systems"]["ours with the CNN, top 2"]["C-F1"] == expected["C-F1"]
    assert results["systems"][cut]["mAP"] == pytest.approx(expected["mAP"])


def test_the_method_combined_lists_the_labels_of_the_evaluations_cut(tag_run, demo_data, tmp_path):
    def evaluated(*overrides):
        options = TagOptions(num_pictures=0, overrides=overrides, out=tmp_path)
        return evaluate_tags(tag_run, demo_data, options)

    results = evaluated("decoding.combine=true", "decoding.combine_weight=0.3")
    systems, threshold = results["systems"], results["combine_threshold"]
    (cut,) = [n for n in systems if n.startswith("ours with the CNN, cut at ")]
    split = (run := EvaluatedRun(tag_run, demo_data)).split("validation")
    means = run.concept_probabilities(split) ** 0.7 * run.label_scores(split) ** 0.3
    assert threshold == best_threshold(scoring.concept_targets(split), means)[0]
    combined = ("method=combined", f"combine_threshold={threshold}", "combine_weight=0.3")
    results = evaluated(*(f"decoding.{override}" for override in combined))
    assert results["combine_threshold"] is None
    assert "which the paper's model does not list" in results["warnings"][-1]
    listed = results["systems"]
    assert listed["ours"] == {n: v for n, v in systems[cut].items() if n != "mAP"} | {
        "mAP": listed["ours"]["mAP"]
    }
