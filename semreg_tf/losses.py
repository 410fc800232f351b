"""Losses per image: those of Sec. 3.2 and 3.3, and of the baselines of Sec. 4.3."""

from collections.abc import Callable

import tensorflow as tf

from semreg_tf.config import ConceptConfig

# Smaller probabilities lose precision in float32, or underflow to 0.
SMALL_PROBABILITY = 1e-30


def sigmoid_concept_loss(logits: tf.Tensor, concepts: tf.Tensor) -> tf.Tensor:
    """Returns Lu of eq. (5): binary cross entropy summed over the concepts.

    The equation is printed without the minus sign of a loss.

    Args:
      logits: (batch, num_concepts).
      concepts: ground truth s, 0/1, (batch, num_concepts).

    Returns:
      float32, (batch,).
    """
    logits = tf.cast(logits, tf.float32)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(concepts, tf.float32), logits)
    return tf.reduce_sum(losses, axis=-1)


def asymmetric_concept_loss(
    logits: tf.Tensor, concepts: tf.Tensor, focus: float = 4.0, margin: float = 0.05
) -> tf.Tensor:
    """Returns the asymmetric loss (Ridnik et al., ICCV 2021), summed over concepts as eq. (5).

    The loss of a positive is -log p, and of a negative -(p_m)^focus log(1 - p_m) with p_m = max(p -
    margin, 0), so that the many easy negatives have a small weight.

    Args:
      logits: (batch, num_concepts).
      concepts: ground truth s, 0/1, (batch, num_concepts).
      focus: their gamma for negatives; with 0 and no margin the loss is eq. (5).
      margin: negatives with a lower probability have no loss.

    Returns:
      float32, (batch,).
    """
    logits, concepts = tf.cast(logits, tf.float32), tf.cast(concepts, tf.float32)
    # 1 - p_m, without cancellation for p near 1.
    rest = tf.minimum(tf.sigmoid(-logits) + margin, 1.0)
    shifted = tf.maximum(tf.sigmoid(logits) - margin, 0.0)
    # Without a margin the logarithm is computed from the logit, which is finite for p = 1.
    log_rest = tf.math.log(rest) if margin else tf.math.log_sigmoid(-logits)
    negative = -tf.pow(shifted, focus) * log_rest
    positive = -tf.math.log_sigmoid(logits)
    return tf.reduce_sum(concepts * positive + (1.0 - concepts) * negative, axis=-1)


def softmax_concept_loss(logits: tf.Tensor, concepts: tf.Tensor) -> tf.Tensor:
    """Returns the cross entropy to the uniform distribution over an image's labels (CNN+Softmax).

    Args:
      logits: (batch, num_concepts).
      concepts: 0/1, (batch, num_concepts).

    Returns:
      float32, (batch,); 0 for an image without labels.
    """
    concepts = tf.cast(concepts, tf.float32)
    targets = tf.math.divide_no_nan(concepts, tf.reduce_sum(concepts, -1, keepdims=True))
    log_probabilities = tf.nn.log_softmax(tf.cast(logits, tf.float32))
    return -tf.reduce_sum(targets * log_probabilities, axis=-1)


def warp_concept_loss(
    logits: tf.Tensor,
    concepts: tf.Tensor,
    seed: tf.Tensor,
    rank: str = "classes",
) -> tf.Tensor:
    """Returns the WARP loss (Gong et al. 2014): the sum over positives of L(rank) * hinge.

    For every positive, negatives are drawn in random order until the n-th draw violates the margin
    of 1. The rank is estimated as floor((k - 1) / n) for k classes (Weston et al. 2011, Gong et al.
    2014), and L(r) = 1 + 1/2 + ... + 1/r. No gradient flows through the estimate. Negatives are
    drawn without replacement (ours).

    Args:
      logits: (batch, num_concepts).
      concepts: 0/1, (batch, num_concepts).
      seed: seed of this step's draws, (2,) int32.
      rank: "classes": the published estimate; "negatives": floor(number of negatives / n), which is
        at most the number of negatives.

    Returns:
      float32, (batch,).
    """
    logits = tf.cast(logits, tf.float32)
    positive = tf.cast(concepts, tf.bool)
    batch, k = tf.shape(logits)[0], tf.shape(logits)[1]
    # hinge[b, j, n] of positive j against negative n.
    hinge = 1.0 - logits[:, :, None] + logits[:, None, :]
    violates = (hinge > 0) & ~positive[:, None, :]
    # A random order of the negatives for each positive; positives come last.
    order = tf.random.stateless_uniform((batch, k, k), seed)
    order = tf.where(positive[:, None, :], 2.0, order)
    first = tf.where(violates, order, 3.0)
    chosen = tf.argmin(first, axis=-1, output_type=tf.int32)
    first_key = tf.reduce_min(first, axis=-1, keepdims=True)
    draws = 1 + tf.reduce_sum(tf.cast(order < first_key, tf.int32), axis=-1)
    ranked = tf.fill((batch, 1), k - 1)
    if rank == "negatives":
        ranked = tf.reduce_sum(tf.cast(~positive, tf.int32), axis=-1, keepdims=True)
    has_violation = tf.reduce_any(violates, axis=-1) & positive
    ranks = tf.where(has_violation, ranked // tf.maximum(draws, 1), 0)
    harmonic = tf.concat([[0.0], tf.cumsum(1.0 / tf.cast(tf.range(1, k + 1), tf.float32))], 0)
    weight = tf.stop_gradient(tf.gather(harmonic, ranks))
    loss = tf.gather(tf.maximum(hinge, 0.0), chosen, batch_dims=2)
    return tf.reduce_sum(tf.where(has_violation, weight * loss, 0.0), axis=-1)


def concept_loss(
    config: ConceptConfig, logits: tf.Tensor, concepts: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """Returns the loss of `config.loss`, (batch,) float32; `seed` is the one of WARP."""
    if config.loss == "sigmoid":
        return sigmoid_concept_loss(logits, concepts)
    if config.loss == "asymmetric":
        focus, margin = config.asymmetric_focus, config.asymmetric_margin
        return asymmetric_concept_loss(logits, concepts, focus, margin)
    if config.loss == "softmax":
        return softmax_concept_loss(logits, concepts)
    return warp_concept_loss(logits, concepts, seed, rank=config.warp_rank)


def sequence_weights(padding_mask: tf.Tensor) -> tf.Tensor:
    """Returns weights whose weighted sum over captions is the mean over an image's captions.

    Args:
      padding_mask: (batch, captions, time) bool; a caption without targets is missing, and its
        weight is 0.

    Returns:
      float32, (batch, captions).
    """
    present = tf.cast(tf.reduce_any(padding_mask, axis=-1), tf.float32)
    return tf.math.divide_no_nan(present, tf.reduce_sum(present, axis=-1, keepdims=True))


@tf.custom_gradient
def token_losses(logits: tf.Tensor, target_ids: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """Returns the negative log likelihood of each token, computed in float32.

    On a CPU, TensorFlow's softmax is several times as fast as its fused cross entropy, which takes
    more passes. If a token's probability underflows, the normaliser is computed from the most
    probable token, whose probability is at least 1 / vocab_size.

    Args:
      logits: (tokens, vocab_size), any float type.
      target_ids: (tokens,) int32.

    Returns:
      float32, (tokens,); its gradient has the dtype of the logits.
    """
    scores = tf.cast(logits, tf.float32)
    probabilities = tf.nn.softmax(scores)
    at_target = tf.gather(probabilities, target_ids, batch_dims=1)

    def from_most_probable() -> tf.Tensor:
        largest = tf.math.log(tf.reduce_max(probabilities, axis=-1))
        normaliser = tf.reduce_max(scores, axis=-1) - largest
        return normaliser - tf.gather(scores, target_ids, batch_dims=1)

    precise = tf.reduce_all(at_target > SMALL_PROBABILITY)
    losses = tf.cond(precise, lambda: -tf.math.log(at_target), from_most_probable)

    def gradient(d_losses: tf.Tensor) -> tuple[tf.Tensor, None]:
        slope = tf.cast(probabilities * d_losses[:, None], logits.dtype)
        tokens = tf.range(tf.size(target_ids), dtype=target_ids.dtype)
        target_gradient = tf.cast((at_target - 1) * d_losses, logits.dtype)
        return tf.tensor_scatter_nd_update(
            slope, tf.stack([tokens, target_ids], 1), target_gradient
        ), None

    return losses, gradient


def smoothed_token_losses(logits: tf.Tensor, target_ids: tf.Tensor, smoothing: float) -> tf.Tensor:
    """Returns the cross entropy with label smoothing (Szegedy et al. 2016).

    The target distribution has 1 - smoothing on the right token and the rest evenly on all tokens.

    Args:
      logits: (..., vocab_size).
      target_ids: (...,) int32.
      smoothing: their epsilon, at least 0 and below 1; 0 gives `token_losses`.

    Returns:
      float32, (...,).
    """
    logits = tf.cast(logits, tf.float32)
    exact = tf.nn.sparse_softmax_cross_entropy_with_logits(target_ids, logits)
    even = tf.reduce_logsumexp(logits, axis=-1) - tf.reduce_mean(logits, axis=-1)
    return (1.0 - smoothing) * exact + smoothing * even


def packed_sequence_loss(
    logits: tf.Tensor,
    rows: tf.Tensor,
    target_ids: tf.Tensor,
    padding_mask: tf.Tensor,
    smoothing: float = 0.0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns Lr (Sec. 3.3): negative log likelihood, summed over time, mean over captions.

    Args:
      logits: logits at real targets only, (tokens, vocab_size), in the order of
        `tf.where(padding_mask)`.
      rows: each token's row among batch * captions, (tokens,).
      target_ids: (batch, captions, time) int32.
      padding_mask: (batch, captions, time) bool, true on real targets.
      smoothing: see `smoothed_token_losses`; 0 is the paper's loss.

    Returns:
      Lr of each image, (batch,) float32, and the sum over all tokens, a float32 scalar, for the
      per-word mean.
    """
    targets = tf.boolean_mask(target_ids, padding_mask)
    losses = (
        smoothed_token_losses(logits, targets, smoothing)
        if smoothing
        else token_losses(logits, targets)
    )
    shape = tf.shape(padding_mask)
    sums = tf.math.unsorted_segment_sum(losses, rows, shape[0] * shape[1])
    sums = tf.reshape(sums, shape[:2])
    loss = tf.reduce_sum(sums * sequence_weights(padding_mask), axis=-1)
    return loss, tf.reduce_sum(losses)


def padded_sequence_loss(
    logits: tf.Tensor, target_ids: tf.Tensor, padding_mask: tf.Tensor, smoothing: float = 0.0
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns Lr as `packed_sequence_loss`, from logits at all positions, padding included.

    Args:
      logits: (batch, captions, time, vocab_size).
      target_ids: (batch, captions, time) int32.
      padding_mask: (batch, captions, time) bool, true on real targets.
      smoothing: see `smoothed_token_losses`; 0 is the paper's loss.

    Returns:
      Lr of each image, (batch,) float32, and the sum over all real tokens, a float32 scalar.
    """
    losses = smoothed_token_losses(logits, target_ids, smoothing)
    sums = tf.reduce_sum(tf.where(padding_mask, losses, 0.0), axis=-1)
    return tf.reduce_sum(sums * sequence_weights(padding_mask), axis=-1), tf.reduce_sum(sums)


def attention_penalty(
    weights: tf.Tensor,
    rows: tf.Tensor,
    padding_mask: tf.Tensor,
    p: float = 2.0,
    q: float = 0.5,
    epsilon: float = 1e-3,
) -> tf.Tensor:
    """Returns the penalty of attention weights a_ti of You et al. 2016, (batch,) float32.

    [sum_i (sum_t a_ti)^p]^(1/p) + sum_t [sum_i (a_ti + epsilon)^q]^(1/q). With p > 1 it penalises
    much attention to one attribute over a sentence; with q < 1, to many attributes at one step. It
    is averaged over an image's captions, as Lr is.

    Args:
      weights: attention weights at real steps only, (tokens, attended); each row sums to 1.
      rows: each token's row among batch * captions, (tokens,).
      padding_mask: (batch, captions, time) bool, true on real targets.
      p: exponent over a sentence.
      q: exponent at a step.
      epsilon: keeps the gradient finite for a weight of 0.
    """
    weights = tf.cast(weights, tf.float32)
    shape = tf.shape(padding_mask)
    captions = shape[0] * shape[1]
    over_time = tf.math.unsorted_segment_sum(weights, rows, captions)
    # The sum of a missing caption is 0, where the root has no finite gradient.
    sums = tf.reduce_sum(tf.pow(over_time, p), axis=-1)
    present = sums > 0
    over_sentence = tf.where(present, tf.pow(tf.where(present, sums, 1.0), 1.0 / p), 0.0)
    at_steps = tf.pow(tf.reduce_sum(tf.pow(weights + epsilon, q), axis=-1), 1.0 / q)
    total = over_sentence + tf.math.unsorted_segment_sum(at_steps, rows, captions)
    return tf.reduce_sum(tf.reshape(total, shape[:2]) * sequence_weights(padding_mask), axis=-1)


def joint_loss(
    unary: tf.Tensor,
    relational: tf.Tensor,
    unary_weight: float = 1.0,
    relational_weight: float = 1.0,
) -> tf.Tensor:
    """Returns the batch mean of L = Lu + Lr (eq. 4), unweighted by default."""
    return tf.reduce_mean(unary_weight * unary + relational_weight * relational)
