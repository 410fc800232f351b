"""The compared systems of Table 3: what their papers say of them."""

import pytest

from semreg_tf import experiments
from semreg_tf.experiments import reported
from tests.experiments.test_experiments import differing

DATASETS = ["coco_captions", "flickr8k_captions", "demo_captions"]


@pytest.mark.parametrize("dataset", DATASETS)
def test_nicv2_is_nic_whose_cnn_rests_first_and_which_is_fed_its_own_words(dataset):
    nic = experiments.get(f"{dataset}/nic")
    assert differing(f"{dataset}/nicv2", f"{dataset}/nic") == {
        "joint.decoder_only_steps": nic.joint.steps,
        "sampling.schedule": "inverse_sigmoid",
    }
    assert experiments.get(f"{dataset}/nicv2").decoding.beam_width == 3
    # Bengio et al. on COCO: about 500,000 steps before the CNN is fine-tuned.
    assert experiments.get("coco_captions/nicv2").joint.decoder_only_steps == 500_000


@pytest.mark.parametrize("dataset", DATASETS)
def test_att_reads_features_once_and_attends_to_ten_predicted_attributes(dataset):
    config = experiments.get(f"{dataset}/att")
    first, attributes = config.conditionings
    assert (first.kind, first.embedding) == ("step_zero", "features")
    assert (attributes.kind, attributes.embedding) == ("attribute_attention", "concepts")
    assert (attributes.num_attributes, attributes.activation) == (10, "tanh")
    assert (attributes.penalty_p, attributes.penalty_q) == (2.0, 0.5)
    assert attributes.attention_penalty == 1.0
    assert (config.decoder.word_embedding, config.decoder.tie_output) == (300, True)
    assert config.concepts.supervised and config.stages == ("unary", "joint")
    # CNN and detectors rest once they are trained.
    assert (config.joint.steps, config.joint.decoder_only_steps > 0) == (0, True)


@pytest.mark.parametrize("dataset", DATASETS)
def test_v2l_says_256_attributes_once_and_nothing_else_of_the_image(dataset):
    config = experiments.get(f"{dataset}/v2l")
    (image,) = config.conditionings
    assert (image.kind, image.embedding) == ("step_zero", "concepts")
    assert (config.data.concept_words, config.data.num_concepts) == ("lemmas", 256)
    places = config.concepts.places
    assert (places.kind, places.pooling, places.crop_grids) == ("crops", "max", (2, 3, 6))
    assert (config.decoder.cells, config.decoder.word_embedding) == (256, 256)
    assert config.decoding.beam_width == 5
    assert config.concepts.supervised and config.stages == ("unary", "joint")
    assert (config.joint.steps, config.joint.decoder_only_steps > 0) == (0, True)
    # The detector is trained on whole images, then on their crops.
    assert config.unary.crop_steps > 0
    assert differing(f"{dataset}/v2l_whole_image", f"{dataset}/v2l") == {
        "concepts.places.kind": "image",
        "unary.crop_steps": 0,
    }


@pytest.mark.parametrize("dataset", DATASETS)
def test_msrcap_like_detects_words_in_cells_and_reads_those_unsaid(dataset):
    config = experiments.get(f"{dataset}/msrcap_like")
    state, unsaid = config.conditionings
    assert (state.kind, state.embedding) == ("init_state", "features")
    assert (unsaid.kind, unsaid.embedding) == ("unsaid_concepts", "concepts")
    assert (config.concepts.places.kind, config.concepts.places.pooling) == ("cells", "noisy_or")
    assert config.decoder.cell == "gru"
    assert (config.decoding.beam_width, config.reranking.hypotheses) == (10, 10)
    assert (config.reranking.method, config.reranking.fitted_to) == ("linear", "BLEU-4")
    assert config.reads_map and "spatial_features" not in config.embeddings_read
    assert (config.joint.steps, config.joint.decoder_only_steps > 0) == (0, True)
    table, row = reported.lookup(config.table_row)
    assert (table.name, row) == ("Table 3", "MSRCap")
