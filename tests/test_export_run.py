"""A run's export carries what its folder says, and its scores are set beside the run's."""

import json
import shutil

import pytest
import tensorflow as tf

from cli.shared_flags import check_overrides_of_parts
from semreg_tf import config_io
from semreg_tf.data.input_pipeline import load_split
from semreg_tf.data.records import find_builder
from semreg_tf.evaluation.runs import evaluate_run
from semreg_tf.evaluation.runs.options import CaptionOptions
from semreg_tf.export_run import export_run, read_provenance
from semreg_tf.files.result_origin import best_checkpoint
from semreg_tf.inference import load
from semreg_tf.metrics.captions import caption_metrics
from semreg_tf.training import workdir


@pytest.fixture(scope="module")
def evaluated(caption_runs, demo_data, tmp_path_factory):
    """A copy, for the results go into the folder and other tests share the run."""
    run = tmp_path_factory.mktemp("evaluated") / "run"
    shutil.copytree(caption_runs[0], run)
    evaluate_run.evaluate_captions(run, demo_data, CaptionOptions(meteor=False, num_pictures=0))
    return run


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_scores_are_compared_on_real_files(evaluated, demo_data, tmp_path, dtype):
    path, comparison = export_run(
        evaluated,
        tmp_path / "model",
        weights_dtype=dtype,
        compare_on="train",
        data_dir=demo_data,
    )
    assert (comparison.split, comparison.num_images) == ("train", 40)
    for run, export in comparison.scores.values():
        assert export == pytest.approx(run, abs=1e-6 if dtype == "float32" else 0.2)
    if dtype == "float32":
        assert comparison.same_text == 1.0
    # The export's own column, counted again from what it says of the pictures.
    config, vocabularies, _ = workdir.load_run(evaluated)
    split = load_split(find_builder(demo_data, "demo"), "train", vocabularies, config.data)
    found = load(path).annotate(list(split.pictures(range(split.num_images))))
    hypotheses = {a.image_id: f.text for a, f in zip(split.annotations, found, strict=True)}
    references = {a.image_id: list(a.captions) for a in split.annotations}
    scores = caption_metrics(references, hypotheses, meteor=False).scores
    assert comparison.scores["CIDEr"][1] == pytest.approx(scores["CIDEr"], abs=1e-6)
    card = (path / "MODEL.md").read_text(encoding="utf-8")
    assert f"| run, float32 | export, {dtype} weights |" in card
    assert "On `train`, 40 images, both with this export's search; " in card
    assert f"the best text is the same for {comparison.same_text:.1%} of them." in card


def test_the_decoding_may_be_another_than_the_runs(evaluated, tmp_path):
    path, _ = export_run(evaluated, tmp_path / "m", overrides=["decoding.max_steps=2"])
    picture = tf.io.encode_jpeg(tf.zeros((32, 32, 3), tf.uint8)).numpy()
    assert len(load(path).annotate([picture])[0].text.split()) <= 2


@pytest.mark.parametrize(
    "overrides",
    [[], ["decoding.method=combined", "decoding.combine_threshold=0.02"]],
    ids=["greedy", "combined"],
)
def test_tags_are_compared_too(overrides, tag_run, demo_data, tmp_path):
    path, comparison = export_run(
        tag_run,
        tmp_path / "m",
        overrides=overrides,
        compare_on="validation",
        data_dir=demo_data,
    )
    assert {"O-F1", "C-F1", "mAP"} <= set(comparison.scores)
    assert all(a == pytest.approx(b, abs=1e-6) for a, b in comparison.scores.values())
    assert comparison.same_text == 1.0
    if overrides:
        picture = tf.io.encode_jpeg(tf.zeros((32, 32, 3), tf.uint8)).numpy()
        scores = load(path).annotate([picture])[0].label_scores
        assert scores and min(scores) >= 0.02 and list(scores) == sorted(scores, reverse=True)


def test_of_two_models_each_decodes_as_it_is_told(evaluated, tag_run, tmp_path):
    overrides = ["decoding.max_steps=2", "labels.decoding.method=combined"]
    overrides += ["labels.decoding.combine_threshold=0.02", "labels.decoding.max_steps=3"]
    check_overrides_of_parts([evaluated, tag_run], overrides)
    with pytest.raises(ValueError, match="names no field 'thresh'"):
        check_overrides_of_parts([evaluated, tag_run], ["labels.decoding.thresh=1"])
    path, _ = export_run([tag_run, evaluated], tmp_path / "m", overrides=overrides)
    assets = path / "assets.extra"
    captions, tags = (
        config_io.load(str(folder / "config.json")).decoding for folder in (assets, assets / "tags")
    )
    own = workdir.load_run(evaluated)[0].decoding
    assert (captions.max_steps, captions.method) == (2, own.method)
    assert (tags.max_steps, tags.method, tags.combine_threshold) == (3, "combined", 0.02)
    picture = tf.io.encode_jpeg(tf.zeros((32, 32, 3), tf.uint8)).numpy()
    (found,) = load(path).annotate([picture])
    assert len(found.text.split()) <= 2
    assert 0 < len(found.labels) <= 3 and min(found.label_scores) >= 0.02


def test_assets_say_where_the_model_comes_from(evaluated, tmp_path):
    path, comparison = export_run(evaluated, tmp_path / "model", num_results=2)
    assert comparison is None
    about = json.loads((evaluated / "config.json").read_text(encoding="utf-8"))
    extra = path / "assets.extra"
    info = json.loads((extra / "semreg_tf.json").read_text(encoding="utf-8"))
    config = json.loads((extra / "config.json").read_text(encoding="utf-8"))
    assert (info["commit"], info["stage"]) == (about["commit"], "joint")
    assert (info["step"], info["weights_dtype"]) == (60, "float32")
    assert (config["config"], config["commit"]) == (about["config"], about["commit"])
    results = json.loads((extra / "results.json").read_text(encoding="utf-8"))
    own = json.loads((evaluated / "results.json").read_text(encoding="utf-8"))
    assert results["captions"] == own["captions"]
    assert str(evaluated.parent) not in json.dumps(results)
    assert {p.name for p in extra.glob("*.txt")} == {"vocabulary.txt", "concepts.txt"}
    for name in ("vocabulary.txt", "concepts.txt"):
        assert (extra / name).read_bytes() == (evaluated / name).read_bytes()
    card = (path / "MODEL.md").read_text(encoding="utf-8")
    assert about["commit"] in card
    assert f"| captions | CIDEr | {own['captions']['CIDEr']:.3f} |" in card
    assert f"{info['num_parameters']:,} parameters" in card


def test_a_run_that_was_not_evaluated_says_so(caption_runs, tmp_path):
    provenance = read_provenance(caption_runs[1])
    assert provenance.results == {} and not provenance.started_from_model
    path, _ = export_run(caption_runs[1], tmp_path / "model")
    assert "was not evaluated" in (path / "MODEL.md").read_text(encoding="utf-8")
    assert not (path / "assets.extra" / "results.json").exists()


def test_scores_of_other_weights_do_not_go_with_an_export(bare_run, tmp_path, caplog):
    run = shutil.copytree(bare_run, tmp_path / "run")
    (run / "results.json").write_text(json.dumps({"systems": {"ours": {"O-F1": 0.5}}}))
    assert read_provenance(run).results
    results = {"systems": {}, "checkpoints": [best_checkpoint(run)]}
    (run / "results.json").write_text(json.dumps(results))
    assert read_provenance(run).results == results
    assert not caplog.messages
    for change, reason in (
        ({"checkpoints": [{"step": 1}]}, "of the checkpoint of step 1, and the best is now of"),
        ({"seed": 99}, "of another run (seed 99)"),
    ):
        (run / "results.json").write_text(json.dumps(results | change))
        provenance = read_provenance(run)
        assert provenance.results == {}
        assert provenance.left_out.startswith(reason)
        assert "the export leaves its scores out" in caplog.messages.pop()


def test_what_cannot_be_compared_is_refused_before_anything_is_written(
    caption_runs, demo_data, tmp_path
):
    out = tmp_path / "model"
    with pytest.raises(ValueError, match="`data_dir` must be given to compare scores"):
        export_run(caption_runs[0], out, compare_on="test")
    with pytest.raises(ValueError, match="nosuch"):
        export_run(caption_runs[0], out, compare_on="nosuch", data_dir=demo_data)
    assert not out.exists()
    assert not list(tmp_path.iterdir())
