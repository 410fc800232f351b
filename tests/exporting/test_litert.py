"""A LiteRT file answers as the SavedModel does, with LiteRT's runtime alone."""

import dataclasses
import io
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

import semreg_tf
from semreg_tf import experiments
from semreg_tf.export import export_parts
from semreg_tf.export_litert import export_litert
from semreg_tf.export_run import export_run, read_export_part
from semreg_tf.exporting.litert_conversion import convert
from semreg_tf.inference import ExportedModel
from semreg_tf.litert_model import LiteRTModel
from semreg_tf.training.exported_weights import load_exported
from tests.exporting.sharpened import sharpened

CAPTIONS, TAGS = "demo_captions/s_cnn_rnn", "demo_tags/s_cnn_rnn"
# Decoders of JPEG round differently; of PNG all make the same pixels.
KINDS = 8


def pictures():
    """Encoded pictures of several sizes, smooth and in colours of their own."""
    rng, found = np.random.default_rng(0), []
    for i in range(KINDS):
        small = rng.integers(0, 256, (4, 5, 3), np.uint8)
        out = io.BytesIO()
        PIL.Image.fromarray(small).resize((60 + 13 * i, 90 - 7 * i)).save(out, "PNG")
        found.append(out.getvalue())
    return found


@pytest.fixture(scope="module")
def both(toy_export, tmp_path_factory):
    """Exports an experiment both ways, each once: `both(name, dtype)`, (LiteRT, SavedModel)."""
    parts, saved, lite = {}, {}, {}

    def get(name, dtype="float32"):
        if name not in parts:
            parts[name] = sharpened(read_export_part(toy_export(name).path))
            folder = tmp_path_factory.mktemp("saved") / "model"
            saved[name] = semreg_tf.load(export_parts([parts[name]], folder))
        if (name, dtype) not in lite:
            folder = tmp_path_factory.mktemp("litert") / "model"
            export_litert(parts[name], folder, weights_dtype=dtype)
            lite[name, dtype] = LiteRTModel(folder, num_threads=1)
        return lite[name, dtype], saved[name]

    return get


def check_equal(model, saved, user_tags=None):
    """Holds every text, score and probability of a file to the SavedModel's."""
    ours, theirs = model.annotate(pictures(), user_tags), saved.annotate(pictures(), user_tags)
    for found, wanted in zip(ours, theirs, strict=True):
        assert [text for text, _ in found.n_best] == [text for text, _ in wanted.n_best]
        scores = [[score for _, score in x.n_best] for x in (found, wanted)]
        np.testing.assert_allclose(*scores, rtol=1e-3, atol=1e-3)
        assert (found.labels, found.n_best_labels) == (wanted.labels, wanted.n_best_labels)
        np.testing.assert_allclose(found.label_scores, wanted.label_scores, rtol=1e-3, atol=1e-4)
        probabilities = dict(wanted.concepts)
        assert [p for _, p in found.concepts] == pytest.approx(
            [probabilities[name] for name, _ in found.concepts], rel=1e-3, abs=1e-4
        )
        assert found.unknown_user_tags == wanted.unknown_user_tags


@pytest.mark.large
def test_a_captioners_file_answers_as_the_saved_model(both):
    check_equal(*both(CAPTIONS))
    # The other search is there as well.
    model = both(CAPTIONS)[0]
    assert model.run("greedy", image=model.pixels(pictures()[0]))["token_ids"].shape[1] == 1
    found = model.annotate([b"no picture", pictures()[0]])
    assert found[0].error and found[1].text


@pytest.mark.large
@pytest.mark.parametrize("name", experiments.names())
def test_every_experiment_that_can_be_exported_can_be_converted(name, both):
    try:
        lite, saved = both(name)
    except ValueError as error:
        told = ("`annotator` must read pictures, and user tags at most", "(CropAndResize)")
        assert any(why in str(error) for why in told)
        return
    tags = ["red, unheard of"] * KINDS if "serving_with_tags" in saved.signatures else None
    check_equal(lite, saved, tags)


@pytest.mark.large
def test_a_tag_models_file_answers_as_the_saved_model(both):
    check_equal(*both(TAGS))
    assert any(found.label_scores for found in both(TAGS)[0].annotate(pictures()))


@pytest.mark.large
def test_a_file_combines_cnn_and_decoder_as_the_saved_model(toy_export, tmp_path):
    part = sharpened(read_export_part(toy_export(TAGS).path))
    decoding = dataclasses.replace(part.config.decoding, method="combined", combine_threshold=0.1)
    part = dataclasses.replace(part, config=dataclasses.replace(part.config, decoding=decoding))
    saved = semreg_tf.load(export_parts([part], tmp_path / "saved"))
    export_litert(part, tmp_path / "litert")
    lite = LiteRTModel(tmp_path / "litert", num_threads=1)
    assert lite.description["signature"] == "combined"
    check_equal(lite, saved)
    assert any(found.labels for found in saved.annotate(pictures()))


@pytest.mark.large
def test_user_tags_are_read(both, toy_export):
    name = "demo_tags/s_cnn_rnn_tag1k_fix"
    known = toy_export(name).vocabularies.user_tags.names[:3]
    tags = [f"{known[i % 3]}, {known[0].upper()} , unheard of," for i in range(KINDS)]
    check_equal(*both(name), tags)
    check_equal(*both(name))


def numpy_beam(model, image, width):
    """The width best sequences of ids over `step` alone, as beam search's definition has them."""
    rules = model.description["search"]
    found = model.run("concepts", image=image)
    context = {k: v for k, v in found.items() if k.startswith("context_")}
    state = {k: v for k, v in found.items() if k.startswith("state_")}
    live, done = [((), 0.0, state)], []
    for _ in range(rules["max_steps"]):
        longer = []
        for ids, score, state in live:
            last = np.array([ids[-1] if ids else rules["start_id"]], np.int32)
            out = model.run("step", token_ids=last, **state, **context)
            row = out.pop("log_probabilities")[0]
            best = np.argsort(-row, kind="stable")[: width + 1]
            if rules["end_id"] in best[:width]:
                done.append((ids, score + row[rules["end_id"]]))
            longer += [((*ids, t), score + row[t], out) for t in best if t != rules["end_id"]]
        live = sorted(longer, key=lambda x: -x[1])[:width]
        done = sorted(done, key=lambda x: -x[1])[:width]
    return [ids for ids, _ in done] or [ids for ids, _, _ in live]


@pytest.mark.large
@pytest.mark.parametrize(("signature", "width"), [("greedy", 1), ("beam", 3)])
def test_a_search_over_the_step_finds_what_the_file_finds(both, signature, width):
    model = both(CAPTIONS)[0]
    for encoded in pictures():
        image = model.pixels(encoded)
        rows = model.run(signature, image=image)["token_ids"][0]
        whole = [tuple(int(i) for i in row if i >= 0) for row in rows]
        searched = numpy_beam(model, image, width)
        assert whole[: len(searched)] == searched


@pytest.mark.large
def test_a_step_takes_any_number_of_rows(both):
    model = both(CAPTIONS)[0]
    found = model.run("concepts", image=model.pixels(pictures()[0]))
    del found["concept_probabilities"]
    three = {name: np.repeat(x, 3, axis=0) for name, x in found.items()}
    ids = np.array([0, 1, 2], np.int32)
    together = model.run("step", token_ids=ids, **three)["log_probabilities"]
    alone = [model.run("step", token_ids=ids[i : i + 1], **found) for i in range(3)]
    np.testing.assert_allclose(
        together, np.concatenate([x["log_probabilities"] for x in alone]), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(np.exp(together).sum(1), 1, rtol=1e-4)


@pytest.mark.large
def test_fewer_bits_are_smaller_and_close(both):
    sizes, wanted = {}, both(CAPTIONS)[1].annotate(pictures())
    for dtype, tolerance in (("float32", 1e-4), ("float16", 0.01), ("int8", 0.1)):
        model = both(CAPTIONS, dtype)[0]
        assert model.info["weights_dtype"] == dtype
        sizes[dtype] = (model.folder / "model.tflite").stat().st_size
        for found, exact in zip(model.annotate(pictures()), wanted, strict=True):
            probabilities = dict(exact.concepts)
            for name, p in found.concepts:
                assert abs(p - probabilities[name]) < tolerance
            # What the search did not find is not listed, in whatever type infinity was stored.
            assert all(score > -1e3 for _, score in found.n_best)
    assert sizes["float32"] > sizes["float16"] > sizes["int8"]


@pytest.mark.large
def test_annotating_imports_no_tensorflow(both, tmp_path):
    lite, saved = both(CAPTIONS)
    picture = tmp_path / "a.png"
    picture.write_bytes(pictures()[0])
    code = (
        "import sys, semreg_tf\n"
        "print(semreg_tf.load(sys.argv[1]).annotate([sys.argv[2]])[0].text)\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, lite.folder, picture],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == saved.annotate([picture])[0].text


def test_what_litert_has_no_operation_for_is_named():
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((2,), tf.float32)])
        def call(self, x):
            return {"y": tf.math.bessel_i0(x)}

    module = Module()
    signatures = {"call": module.call.get_concrete_function()}
    with pytest.raises(ValueError, match=r"'demo/x', which needs BesselI0") as error:
        convert(module, signatures, "float32", "demo/x")
    assert "\n" not in str(error.value)


def test_a_dtype_that_litert_does_not_take_is_refused(toy_export, tmp_path):
    with pytest.raises(ValueError, match=r"`weights_dtype` must be one of 'float32', 'float16'"):
        export_run(
            toy_export(CAPTIONS).path, tmp_path / "x", format="litert", weights_dtype="bfloat16"
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.large
def test_a_file_is_neither_trained_nor_served_nor_read_without_the_runtime(both, monkeypatch):
    folder = both(CAPTIONS)[0].folder
    with pytest.raises(ValueError, match="`init_from` must be a run or a SavedModel"):
        load_exported(folder)
    with pytest.raises(ValueError, match="`path` must be a SavedModel here"):
        ExportedModel(folder)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(ValueError, match="which needs its runtime: pip install"):
        semreg_tf.load(folder)


@pytest.mark.large
def test_a_damaged_file_is_refused_by_name(both):
    file = both(CAPTIONS)[0].folder / "model.tflite"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    with pytest.raises(ValueError, match=r"model\.tflite"):
        semreg_tf.load(file.parent)
    file.write_bytes(whole)
