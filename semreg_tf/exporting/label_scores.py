"""The probabilities of the labels in a tag model's answer."""

import tensorflow as tf

from semreg_tf.decoding.step_function import any_batch
from semreg_tf.models.annotator import Annotator


def label_probabilities(
    annotator: Annotator, encoder_outputs: dict[str, tf.Tensor], token_ids: tf.Tensor, start_id: int
) -> tf.Tensor:
    """Returns P(label | image, the labels before it) for every label of decoded sequences.

    The probabilities are over all labels and END, including labels that the search excluded. The
    probability of a sequence is the product of those of its labels and of END.

    Args:
      annotator: the models.
      encoder_outputs: the outputs that the decoder reads.
      token_ids: labels in order, -1 behind the last, (batch, results, steps) int32.
      start_id: the id of START.

    Returns:
      (batch, results, steps) float32, -1 behind the last label.
    """
    results, steps = tf.shape(token_ids)[1], tf.shape(token_ids)[2]
    step, *carried = annotator.search_start(encoder_outputs)
    state, context = tf.nest.map_structure(lambda x: tf.repeat(x, results, axis=0), carried)
    labels = tf.reshape(token_ids, (-1, steps))

    def body(place: tf.Tensor, fed: tf.Tensor, scores: tf.Tensor, state: tuple) -> tuple:
        logits, state = step(fed, state, context)
        label_ids = labels[:, place]
        fed = tf.maximum(label_ids, 0)
        probabilities = tf.gather(tf.nn.softmax(tf.cast(logits, tf.float32)), fed, batch_dims=1)
        is_scored = (tf.range(steps) == place) & (label_ids >= 0)[:, None]
        return place + 1, fed, tf.where(is_scored, probabilities[:, None], scores), state

    # The decoder's own unrolling uses TensorArrays, which LiteRT does not support.
    loop_vars = (
        tf.constant(0),
        tf.fill(tf.shape(labels)[:1], start_id),
        tf.fill(tf.shape(labels), -1.0),
        state,
    )
    longest = tf.reduce_max(tf.reduce_sum(tf.cast(labels >= 0, tf.int32), axis=-1))
    _, _, scores, _ = tf.while_loop(
        lambda place, fed, scores, state: place < longest,
        body,
        loop_vars,
        shape_invariants=(
            tf.TensorShape([]),
            tf.TensorShape([None]),
            tf.TensorShape([None, None]),
            any_batch(state),
        ),
    )
    return tf.reshape(scores, tf.shape(token_ids))
