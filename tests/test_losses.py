"""The losses against NumPy written from eqs. (4), (5) and the baselines' papers."""

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import losses
from semreg_tf.config import ConceptConfig

BATCH, K = 4, 6


def data(seed=0):
    rng = np.random.default_rng(seed)
    concepts = (rng.random((BATCH, K)) < 0.4).astype("f")
    concepts[0] = 0
    return rng.normal(size=(BATCH, K)).astype("f") * 3, concepts


def test_sigmoid_loss_is_equation_5_summed_over_concepts():
    logits, s = data()
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    want = -(s * np.log(p) + (1 - s) * np.log(1 - p)).sum(1)
    np.testing.assert_allclose(losses.sigmoid_concept_loss(logits, s), want, rtol=1e-5)


def test_sigmoid_loss_stays_finite_where_the_formula_does_not():
    logits = tf.constant([[200.0, -200.0]])
    assert np.isfinite(losses.sigmoid_concept_loss(logits, tf.constant([[0.0, 1.0]]))).all()


def test_first_loss_is_k_log_2():
    zeros = np.zeros((2, 1000), "f")
    np.testing.assert_allclose(
        losses.sigmoid_concept_loss(zeros, zeros), 1000 * np.log(2), rtol=1e-5
    )


@pytest.mark.parametrize(("focus", "margin"), [(4.0, 0.05), (2.0, 0.0), (0.0, 0.0)])
def test_asymmetric_loss_is_ridniks(focus, margin):
    logits, s = data()
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    p_m = np.maximum(p - margin, 0)
    want = -(s * np.log(p) + (1 - s) * p_m**focus * np.log(1 - p_m)).sum(1)
    found = losses.asymmetric_concept_loss(logits, s, focus, margin)
    np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-6)
    if not focus:
        np.testing.assert_allclose(found, losses.sigmoid_concept_loss(logits, s), rtol=1e-5)


def test_asymmetric_loss_and_its_gradient_stay_finite():
    logits = tf.Variable([[200.0, -200.0], [-200.0, 200.0]])
    with tf.GradientTape() as tape:
        loss = losses.asymmetric_concept_loss(logits, tf.constant([[0.0, 1.0], [0.0, 1.0]]))
    assert np.isfinite(loss).all()
    assert np.isfinite(tape.gradient(loss, logits)).all()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_smoothed_losses_are_the_cross_entropy_to_a_smoothed_target(smoothing):
    rng = np.random.default_rng(2)
    logits, targets = rng.normal(size=(5, 7)), rng.integers(0, 7, 5)
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    smooth = (1 - smoothing) * np.eye(7)[targets] + smoothing / 7
    found = losses.smoothed_token_losses(logits.astype("f"), targets.astype("i"), smoothing)
    np.testing.assert_allclose(found, -(smooth * log_p).sum(1), rtol=1e-5)
    mask, ids = np.ones((1, 1, 5), bool), targets.astype("i")[None, None]
    rows = np.zeros(5, "i")
    packed = losses.packed_sequence_loss(
        tf.constant(logits, tf.float32), rows, ids, mask, smoothing
    )
    padded = losses.padded_sequence_loss(logits[None, None].astype("f"), ids, mask, smoothing)
    for loss, total in (packed, padded):
        np.testing.assert_allclose([loss[0], total], found.numpy().sum(), rtol=1e-5)


def test_softmax_loss_spreads_the_target_over_the_labels():
    logits, s = data()
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    want = [-(log_p[i] * s[i]).sum() / max(s[i].sum(), 1) for i in range(BATCH)]
    np.testing.assert_allclose(losses.softmax_concept_loss(logits, s), want, rtol=1e-5, atol=1e-6)


def numpy_warp(logits, s, order, margin=1.0, rank_of="classes"):
    """For each positive: negatives drawn in the order given until one violates the margin.

    Gong et al. 2014: the rank is floor((c - 1) / n) for c classes and n draws.
    """
    total = np.zeros(len(logits))
    for b in range(len(logits)):
        negatives = np.flatnonzero(s[b] == 0)
        for j in np.flatnonzero(s[b]):
            drawn = negatives[np.argsort(order[b, j, negatives])]
            for n, negative in enumerate(drawn, 1):
                hinge = margin - logits[b, j] + logits[b, negative]
                if hinge > 0:
                    others = {"classes": logits.shape[1] - 1, "negatives": len(negatives)}
                    rank = others[rank_of] // n
                    total[b] += sum(1 / r for r in range(1, rank + 1)) * hinge
                    break
    return total


@pytest.mark.parametrize("rank", ["classes", "negatives"])
@pytest.mark.parametrize("seed", range(5))
def test_warp_is_the_sampled_procedure(seed, rank):
    logits, s = data(seed)
    draws = tf.constant([7, seed])
    order = tf.random.stateless_uniform((BATCH, K, K), draws).numpy()
    np.testing.assert_allclose(
        losses.concept_loss(ConceptConfig(loss="warp", warp_rank=rank), logits, s, draws),
        numpy_warp(logits, s, order, rank_of=rank),
        rtol=1e-5,
    )


def test_warps_rank_counts_all_other_classes_as_published():
    """One draw violates the margin: of 4 classes the rank is 3, though 2 are negative."""
    logits, s = tf.constant([[0.0, 0.0, 0.0, 0.0]]), tf.constant([[1.0, 1.0, 0.0, 0.0]])

    def warp(rank, *data):
        config = ConceptConfig(loss="warp", warp_rank=rank)
        return losses.concept_loss(config, *data, tf.constant([0, 0]))

    ranks = {rank: warp(rank, logits, s).numpy().item() for rank in ("classes", "negatives")}
    # Two positives, a hinge of 1 each.
    assert ranks == pytest.approx(
        {"classes": 2 * (1 + 1 / 2 + 1 / 3), "negatives": 2 * (1 + 1 / 2)}
    )


def test_warp_is_zero_and_flat_where_every_margin_holds():
    logits = tf.Variable([[9.0, -9.0]])
    with tf.GradientTape() as tape:
        loss = losses.warp_concept_loss(logits, tf.constant([[1.0, 0.0]]), tf.constant([0, 0]))
    assert loss.numpy() == 0
    np.testing.assert_array_equal(tape.gradient(loss, logits), 0)


def sequences():
    mask = np.zeros((2, 3, 4), bool)
    mask[0, 0, :2] = mask[0, 1, :4] = mask[1, 0, :3] = True
    rng = np.random.default_rng(0)
    return mask, rng.integers(0, 5, mask.shape), rng.normal(size=(*mask.shape, 5)).astype("f")


def packed(mask, logits):
    rows = np.broadcast_to(np.arange(6).reshape(2, 3, 1), mask.shape)[mask]
    return tf.constant(logits[mask]), tf.constant(rows, tf.int32)


def test_sequence_loss_sums_over_time_and_means_over_present_captions():
    mask, targets, logits = sequences()
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    nll = -np.take_along_axis(log_p, targets[..., None], -1)[..., 0] * mask
    want = [nll[0].sum() / 2, nll[1].sum()]
    got, total = losses.packed_sequence_loss(
        *packed(mask, logits), tf.constant(targets), tf.constant(mask)
    )
    np.testing.assert_allclose(got, want, rtol=1e-5)
    np.testing.assert_allclose(total, nll.sum(), rtol=1e-5)
    # Logits of padding may be anything.
    spoilt = np.where(mask[..., None], logits, np.float32(1e6))
    got, total = losses.padded_sequence_loss(
        tf.constant(spoilt), tf.constant(targets), tf.constant(mask)
    )
    np.testing.assert_allclose(got, want, rtol=1e-5)
    np.testing.assert_allclose(total, nll.sum(), rtol=1e-5)


@pytest.mark.parametrize("spread", [1.0, 60.0], ids=["usual", "underflowing"])
def test_token_losses_and_their_gradient(spread):
    rng = np.random.default_rng(0)
    logits = (rng.normal(size=(5, 7)) * spread).astype("f")
    targets, weights = rng.integers(0, 7, 5).astype("i"), rng.normal(size=5).astype("f")
    with tf.GradientTape() as tape:
        given = tf.constant(logits)
        tape.watch(given)
        got = losses.token_losses(given, tf.constant(targets))
        total = tf.reduce_sum(got * weights)
    exact = logits.astype(np.float64)
    normaliser = np.log(np.exp(exact - exact.max(1)[:, None]).sum(1)) + exact.max(1)
    want = normaliser - exact[np.arange(5), targets]
    assert (want.max() > 90) == (spread > 1), "the float32 probability must underflow, or not"
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    slope = np.exp(exact - normaliser[:, None]) - np.eye(7)[targets]
    np.testing.assert_allclose(tape.gradient(total, given), slope * weights[:, None], 1e-5, 1e-6)


def test_token_losses_are_float32_and_their_gradient_as_the_logits():
    with tf.GradientTape() as tape:
        logits = tf.constant([[0.5, 1.0, -2.0]], tf.bfloat16)
        tape.watch(logits)
        got = losses.token_losses(logits, tf.constant([2]))
    want = tf.nn.sparse_softmax_cross_entropy_with_logits([2], tf.cast(logits, tf.float32))
    np.testing.assert_allclose(got, want, rtol=1e-6)
    assert got.dtype == tf.float32
    assert tape.gradient(got, logits).dtype == tf.bfloat16


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_token_losses_of_what_is_not_finite_are_not_finite(value):
    got = losses.token_losses(tf.constant([[0.0, value, 1.0]]), tf.constant([0]))
    assert not np.isfinite(got).any()


def test_padding_adds_no_loss():
    mask, targets, logits = sequences()
    wide = [(0, 0), (0, 1), (0, 2)]
    more = losses.packed_sequence_loss(
        tf.constant(logits[mask]),
        tf.constant(np.broadcast_to(np.arange(8).reshape(2, 4, 1), (2, 4, 6))[np.pad(mask, wide)]),
        tf.constant(np.pad(targets, wide)),
        tf.constant(np.pad(mask, wide)),
    )
    few = losses.packed_sequence_loss(
        *packed(mask, logits), tf.constant(targets), tf.constant(mask)
    )
    np.testing.assert_allclose(more[0], few[0], rtol=1e-6)


def test_joint_loss_is_the_unweighted_sum():
    unary, relational = tf.constant([1.0, 3.0]), tf.constant([10.0, 20.0])
    assert losses.joint_loss(unary, relational).numpy() == 17.0
    assert losses.joint_loss(unary, relational, 2.0, 0.5).numpy() == 11.5


def numpy_attention_penalty(weights, mask, p, q, epsilon):
    """Loops over images, captions and attended, from You et al. (2016)."""
    images = []
    for own, there in zip(weights, mask, strict=True):
        captions = []
        for a, real in zip(own, there, strict=True):
            a = a[real]
            if len(a):
                whole = sum(sum(a_t[i] for a_t in a) ** p for i in range(a.shape[1])) ** (1 / p)
                steps = sum(sum((x + epsilon) ** q for x in a_t) ** (1 / q) for a_t in a)
                captions.append(whole + steps)
        images.append(np.mean(captions))
    return np.array(images)


@pytest.mark.parametrize(("p", "q", "epsilon"), [(2.0, 0.5, 1e-3), (3.0, 0.7, 0.0)])
def test_attention_penalty_is_you_et_als_and_padding_adds_nothing(p, q, epsilon):
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.full(4, 0.5), size=(2, 3, 5))
    mask = np.arange(5) < np.array([[5, 2, 0], [3, 4, 1]])[..., None]
    rows = tf.constant(np.flatnonzero(mask) // 5, tf.int32)
    made = losses.attention_penalty(
        tf.constant(weights[mask], tf.float32), rows, tf.constant(mask), p, q, epsilon
    )
    want = numpy_attention_penalty(weights, mask, p, q, epsilon)
    np.testing.assert_allclose(made, want, rtol=1e-5)


def test_attention_penalty_has_a_gradient_where_weights_and_captions_are_missing():
    weights = tf.constant([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    mask = tf.constant([[[True, True], [False, False]]])
    with tf.GradientTape() as tape:
        tape.watch(weights)
        penalty = losses.attention_penalty(weights, tf.constant([0, 0]), mask)
    assert np.all(np.isfinite(tape.gradient(penalty, weights)))
