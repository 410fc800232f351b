"""Every experiment, at toy size: trains each stage, decodes, exports, reloads, gives the same."""

import numpy as np
import pytest

import semreg_tf
from semreg_tf import experiments
from semreg_tf.evaluation.runs.evaluate_run import EvaluatedRun
from semreg_tf.export import export_parts
from semreg_tf.exporting.export_part import ExportPart
from semreg_tf.exporting.served_annotator import exported_decoding
from semreg_tf.training import workdir
from semreg_tf.training.trainer import Trainer
from semreg_tf.training.trainer_options import TrainerOptions

# One of each distinct structure: greedy, beam, top-k with WARP, output fusion with a tied output,
# the image at step zero with tanh, side information on a frozen CNN, a plain recurrent layer with
# a multimodal one, the same without the image, attention to the map of a CNN that is trained,
# lemmas detected over crops, words detected over cells beside a GRU that knows what is unsaid.
DISTINCT = (
    "demo_tags/s_cnn_rnn",
    "demo_captions/s_cnn_rnn",
    "demo_tags/cnn_warp",
    "demo_tags/cnn_rnn",
    "demo_captions/nic",
    "demo_tags/s_cnn_rnn_tag1k_fix",
    "demo_captions/mrnn",
    "demo_captions/mrnn_no_image",
    "demo_captions/soft_attention",
    "demo_captions/v2l",
    "demo_captions/msrcap_like",
)
OTHERS = tuple(n for n in experiments.names() if n not in DISTINCT)


def exportable(config):
    """Groups and neighbours are known of a prepared data set's pictures alone."""
    return config.concepts.neighbours is None and "groups" not in config.observed_layers


def sweep(name, toy, data_dir, folder):
    config = toy(experiments.get(name))
    runs = {}
    for stage in config.stages:
        runs[stage] = folder / stage
        earlier = {k: v for k, v in runs.items() if stage == "joint" and k != "joint"}
        trainer = Trainer(config, stage, data_dir, runs[stage], TrainerOptions(**earlier))
        results = trainer.train()
        assert results["steps"] == trainer.last_step > 0
        assert np.isfinite(results["best"]["value"])
    # An export decodes as the run but without repeated labels.
    once = str(exported_decoding(config).block_repeats).lower()
    last = EvaluatedRun(runs[config.stages[-1]], data_dir, [f"decoding.block_repeats={once}"])
    split = last.split(config.data.test_split)
    predictions = last.predict(split)
    assert predictions.image_ids == [a.image_id for a in split.annotations]
    part = ExportPart(*workdir.load_annotator(last.path))
    if not exportable(config):
        with pytest.raises(
            ValueError, match="`annotator` must read pictures, and user tags at most"
        ):
            export_parts([part], folder / "export", num_results=1)
        return
    path = export_parts([part], folder / "export", num_results=1)
    model = semreg_tf.load(path)
    encoded, tags = list(split.pictures(range(min(5, split.num_images)))), None
    if config.reads_user_tags:
        tags = [", ".join(a.user_tags) for a in split.annotations[: len(encoded)]]
    found = model.annotate(encoded, tags)
    separator = " " if config.data.task == "captions" else ", "
    names = last.vocabularies.concepts.names
    for i, annotation in enumerate(found):
        probabilities = dict(annotation.concepts)
        np.testing.assert_allclose(
            [probabilities[n] for n in names],
            predictions.concept_probabilities[i],
            rtol=1e-3,
            atol=1e-4,
        )
        if predictions.sequences:
            assert annotation.text == separator.join(predictions.sequences[i][0])
        else:
            best = np.argsort(-predictions.concept_probabilities[i], kind="stable")[:3]
            assert annotation.text == separator.join(names[j] for j in best)


@pytest.mark.parametrize("name", DISTINCT)
def test_distinct_structure(name, toy, demo_data, tmp_path):
    sweep(name, toy, demo_data, tmp_path)


@pytest.mark.large
@pytest.mark.parametrize("name", OTHERS)
def test_every_other_experiment(name, toy, demo_data, tmp_path):
    sweep(name, toy, demo_data, tmp_path)
