"""One door: the config decides between greedy and beam search."""

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.config import DecodingConfig
from semreg_tf.decoding.beam_search import BeamSearch
from semreg_tf.decoding.greedy import GreedySearch
from semreg_tf.decoding.search import Search

VOCAB, END, START = 5, 4, 5
UNKNOWN = 2


def step(token_ids, state, context):
    table = tf.constant(np.random.default_rng(0).normal(size=(VOCAB + 1, VOCAB)) * 2, tf.float32)
    return tf.gather(table, token_ids) + context, state


def arguments():
    context = tf.constant(np.random.default_rng(1).normal(size=(3, VOCAB)), tf.float32)
    return step, (tf.zeros((3, 1)),), context


def test_greedy_gives_one_result_an_image():
    found = Search(DecodingConfig(method="greedy", max_steps=6), start_id=START, end_id=END)(
        *arguments()
    )
    want = GreedySearch(start_id=START, end_id=END, max_steps=6)(*arguments())
    np.testing.assert_array_equal(found.token_ids[:, 0], want.token_ids)
    np.testing.assert_array_equal(found.scores[:, 0], want.log_probabilities)
    np.testing.assert_array_equal(found.finished[:, 0], want.finished)


@pytest.mark.parametrize("fields", [{"beam_width": 2}, {"length_normalisation": 0.7}])
def test_beam_takes_its_settings(fields):
    config = DecodingConfig(method="beam", max_steps=6, **fields)
    found = Search(config, start_id=START, end_id=END, num_results=2)(*arguments())
    rules = {"beam_width": 3, "length_normalisation": 0.0, **fields}
    want = BeamSearch(start_id=START, end_id=END, max_steps=6, num_results=2, **rules)(*arguments())
    np.testing.assert_array_equal(found.token_ids, want.token_ids)
    np.testing.assert_array_equal(found.scores, want.scores)


def test_repeats_are_blocked_where_asked():
    config = DecodingConfig(method="greedy", max_steps=8, block_repeats=True)
    found = Search(config, start_id=START, end_id=END)(*arguments())
    for ids in found.token_ids.numpy()[:, 0]:
        emitted = ids[ids >= 0]
        assert len(set(emitted)) == len(emitted)


def scored_without_repeats(context, max_steps):
    """Every sequence without repeats that ends, with its log probability over what is left."""
    complete, live = [], [((), 0.0, START)]
    for _ in range(max_steps):
        grown = []
        for ids, total, last in live:
            logits = step(tf.constant([last]), (), context)[0].numpy()[0].astype("float64")
            logits[list(ids)] = -np.inf
            logs = logits - np.log(np.exp(logits).sum())
            complete.append((ids, total + logs[END]))
            grown += [((*ids, i), total + logs[i], i) for i in range(VOCAB - 1) if i not in ids]
        live = grown
    return sorted(complete, key=lambda pair: -pair[1])


def test_a_beam_without_repeats_finds_what_trying_all_finds():
    config = DecodingConfig(method="beam", beam_width=60, max_steps=5, block_repeats=True)
    found = Search(config, start_id=START, end_id=END, num_results=4)(*arguments())
    for image in range(3):
        best = scored_without_repeats(arguments()[2][image : image + 1], 5)[:4]
        said = [tuple(ids[ids >= 0].tolist()) for ids in found.token_ids[image].numpy()]
        assert said == [ids for ids, _ in best]
        np.testing.assert_allclose(found.scores[image], [score for _, score in best], rtol=1e-4)
    plain = DecodingConfig(method="beam", beam_width=30, max_steps=5)
    found = Search(plain, start_id=START, end_id=END)(*arguments())
    ids = found.token_ids.numpy().reshape(-1, 5)
    assert any(len(set(row[row >= 0])) < (row >= 0).sum() for row in ids)


@pytest.mark.parametrize("fields", [{"method": "greedy"}, {"method": "beam", "beam_width": 3}])
def test_the_unknown_word_is_blocked_where_asked(fields):
    said = []
    for block in (False, True):
        config = DecodingConfig(max_steps=8, block_unknown=block, **fields)
        found = Search(config, start_id=START, end_id=END, unknown_id=UNKNOWN)(*arguments())
        assert np.isfinite(found.scores[:, 0]).all()
        said.append(UNKNOWN in found.token_ids.numpy())
    assert said == [True, False]


@pytest.mark.parametrize("fields", [{"method": "greedy"}, {"method": "beam", "beam_width": 2}])
def test_a_bias_on_end_makes_sequences_shorter_or_longer(fields):
    lengths = []
    for bias in (-20.0, 0.0, 20.0):
        config = DecodingConfig(max_steps=8, end_bias=bias, **fields)
        found = Search(config, start_id=START, end_id=END)(*arguments())
        lengths.append(found.lengths.numpy()[..., 0].sum())
    assert lengths[0] >= lengths[1] >= lengths[2] == 0
    assert lengths[0] > 0
