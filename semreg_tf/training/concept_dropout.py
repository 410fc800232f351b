"""Dropout of the concepts that the decoder reads, during training."""

import tensorflow as tf

# So that the mask is not drawn from the seed of sampled losses and sampled words.
_STREAM = 2


def drop_concepts(probabilities: tf.Tensor, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """Sets each probability to 0 with probability `rate`, independently.

    The others are not scaled up (ours): they stay probabilities, and a dropped one is a concept
    that the CNN missed. It is the masking noise of denoising autoencoders (Vincent et al. 2008).

    Args:
      probabilities: s or s_hat, (batch, num_concepts), any float type.
      rate: the dropout rate; 0: nothing is drawn.
      seed: (2,) int32, which alone determines the mask.

    Returns:
      The probabilities or 0, of the same shape and dtype; the gradient of those left is unchanged.
    """
    if not rate:
        return probabilities
    seed = tf.random.experimental.stateless_fold_in(seed, _STREAM)
    drawn = tf.random.stateless_uniform(tf.shape(probabilities), seed)
    return probabilities * tf.cast(drawn >= rate, probabilities.dtype)
