"""How sure a tag model is of each label that it lists."""

import tensorflow as tf

from semreg_tf.models.decoder import Decoder


def label_probabilities(
    decoder: Decoder, encoder_outputs: dict[str, tf.Tensor], token_ids: tf.Tensor, start_id: int
) -> tf.Tensor:
    """Returns P(label | image, the labels before it) of every label of found sequences.

    The probabilities are the decoder's over all labels and END, also where a search ruled labels
    out; their product and that of END is the sequence's.

    Args:
      decoder: the relational model.
      encoder_outputs: those it reads.
      token_ids: labels in order, -1 behind the last, (batch, results, steps) int32.
      start_id: fed before the first label.

    Returns:
      (batch, results, steps) float32, -1 behind the last label.
    """
    longest = tf.reduce_max(tf.reduce_sum(tf.cast(token_ids >= 0, tf.int32), axis=-1))
    labels = tf.maximum(token_ids[..., :longest], 0)
    start = tf.fill(tf.concat([tf.shape(labels)[:2], [1]], 0), start_id)
    inputs = tf.concat([start, labels], axis=-1)
    logits = tf.cast(decoder(encoder_outputs, inputs), tf.float32)[:, :, :-1]
    found = tf.gather(tf.nn.softmax(logits), labels, batch_dims=3)
    missing = tf.shape(token_ids)[-1] - longest
    return tf.where(token_ids >= 0, tf.pad(found, [[0, 0], [0, 0], [0, missing]]), -1.0)
