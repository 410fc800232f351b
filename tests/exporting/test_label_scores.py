"""An export lists no label twice, and says of each how probable the decoder finds it."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.exporting.label_scores import label_probabilities
from semreg_tf.exporting.served_annotator import ServedAnnotator, exported_decoding
from semreg_tf.models.annotator import Annotator

BATCH = 4


class Tagger:
    """A tag model with random weights, and features that it labels."""

    def __init__(self, config, data_dir):
        folder = find_builder(data_dir, "demo").data_dir
        self.config, self.vocabularies = config, Vocabularies.from_dataset(folder, config.data)
        output = self.vocabularies.output
        self.annotator = Annotator(config, len(self.vocabularies.concepts), output.size)
        rng = np.random.default_rng(0)
        for model in (self.annotator.head, self.annotator.decoder):
            for variable in [] if model is None else model.trainable_variables:
                variable.assign(rng.normal(size=variable.shape))
        if self.annotator.decoder is not None:
            # One label is likely after every label, and so is END.
            bias = self.annotator.decoder.output_layer.bias
            bias.assign(4.0 * np.eye(output.size)[1] + 3.0 * np.eye(output.size)[output.end_id])
        shape = (BATCH, self.annotator.feature_size)
        self.features = tf.constant(rng.normal(size=shape), tf.float32)

    def serve(self, **decoding):
        changed = dataclasses.replace(self.config.decoding, **decoding)
        config = dataclasses.replace(self.config, decoding=changed)
        served = ServedAnnotator(config, self.vocabularies, self.annotator)
        return served.serve_features(self.features)


@pytest.fixture(scope="module")
def tagger(toy, demo_data):
    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    # With ReLU such weights would overflow.
    decoder = dataclasses.replace(config.decoder, activation="tanh")
    return Tagger(dataclasses.replace(config, decoder=decoder), demo_data)


def lists(answer):
    return [
        [label for label in text.decode().split(", ") if label]
        for row in answer["annotations"].numpy()
        for text in row
    ]


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_no_label_comes_twice_unless_asked(tagger, method):
    for labels in lists(tagger.serve(method=method)):
        assert len(set(labels)) == len(labels)
    repeating = lists(tagger.serve(method=method, block_repeats_in_export=False))
    assert any(len(set(labels)) < len(labels) for labels in repeating)


def test_evaluation_and_captions_decode_as_the_paper_says(tagger):
    assert not tagger.config.decoding.block_repeats
    assert exported_decoding(tagger.config).block_repeats
    captions = experiments.get("demo_captions/s_cnn_rnn")
    assert exported_decoding(captions) == captions.decoding


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_a_label_has_the_decoders_probability_at_its_step(tagger, method):
    answer = tagger.serve(method=method, beam_width=2)
    step, first, context = tagger.annotator.search_start(
        tagger.annotator.encode({"features": tagger.features})
    )
    output = tagger.vocabularies.output
    results = answer["annotations"].shape[1]
    assert results == (1 if method == "greedy" else 2)
    scores = answer["label_scores"].numpy().reshape(BATCH * results, -1)
    for number, labels in enumerate(lists(answer)):
        image = slice(number // results, number // results + 1)
        state = tuple(x[image] for x in first)
        own = tf.nest.map_structure(lambda x, image=image: x[image], context)
        last, expected = output.start_id, []
        for label in labels:
            logits, state = step(tf.constant([last]), state, own)
            last = output.entries.index[label]
            expected.append(tf.nn.softmax(logits)[0, last])
        padding = [-1.0] * (scores.shape[1] - len(labels))
        np.testing.assert_allclose(scores[number], [*expected, *padding], rtol=1e-4)
    assert (scores >= 0).any() and (scores < 0).any()


def test_sequences_without_a_label_have_no_score(tagger):
    encoded = tagger.annotator.encode({"features": tagger.features})
    nothing = tf.fill([BATCH, 1, 3], -1)
    start = tagger.vocabularies.output.start_id
    scores = label_probabilities(tagger.annotator, encoded, nothing, start)
    np.testing.assert_array_equal(scores, np.full((BATCH, 1, 3), -1.0))


def test_labels_of_a_cnn_alone_have_their_concepts_probability(toy, demo_data):
    answer = Tagger(toy(experiments.get("demo_tags/cnn_logistic")), demo_data).serve()
    best = np.sort(answer["concept_probabilities"].numpy())[:, ::-1][:, :3]
    np.testing.assert_allclose(answer["label_scores"][:, 0], best, rtol=1e-5)
