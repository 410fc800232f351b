"""Attention to the words of the likeliest concepts, at the decoder's input and at its output."""

import keras
import numpy as np
import tensorflow as tf

from semreg_tf.models.cells import State
from semreg_tf.models.conditioning_hooks import (
    Conditioning,
    Context,
    EncoderShapes,
    Table,
    Widths,
)


@keras.saving.register_keras_serializable("semreg_tf")
class AttributeAttention(Conditioning):
    """You et al. 2016: the n likeliest concepts A_i, each by its word's own embedding e_i.

    At the input, from the word before and not from the state: alpha = softmax_i(e_{t-1} U e_i),
    x_t = Wx (e_{t-1} + wx * sum_i alpha_i e_i). At the output, s being `activation`:
    beta = softmax_i(h_t V s(e_i)), o_t = Wh (h_t + wh * P sum_i beta_i s(e_i)), which is as wide as
    the word embedding, so that the output may be tied to it. Probabilities choose the list of
    attributes alone, so no gradient passes through them. P, which lets the widths differ, is not
    in the printed sum; wx and wh begin at 1 (ours).

    Parameters: e e + e + w e + e u + e u + u + u e, for embeddings of e, inputs of w and u units.
    """

    reads_concept_words = True
    embeddings = ("concepts",)

    def build(self, encoder_shapes: EncoderShapes, widths: Widths) -> None:
        """Creates U, Wx, wx, V, P, wh and Wh, none with a bias, and the concepts' words.

        Raises:
          ValueError: there are fewer concepts than attributes, or a conditioning before this one
            changes the width of the word.
        """
        concepts, word = self.embedding_size(encoder_shapes), widths.word
        if concepts < self.config.num_attributes:
            raise ValueError(
                f"`num_attributes` must be at most the number of concepts, {concepts}. "
                f"Received: num_attributes={self.config.num_attributes}"
            )
        if widths.step_input != word:
            raise ValueError(
                f"`conditionings` must leave the word {word} wide before {self.name!r}, which adds "
                f"attributes to it: put it first. Received: a width of {widths.step_input}"
            )
        self.word_ids = self.add_weight(
            name="concept_word_ids",
            shape=(concepts,),
            dtype="int32",
            # Until `set_concept_words`: both lists begin with the most frequent words.
            initializer=lambda shape, dtype: keras.ops.arange(shape[0], dtype=dtype),
            trainable=False,
        )
        self.input_keys = self._map("input_keys", word, word)
        self.input_map = self._map("attribute_input", self.config.width, word)
        self.output_keys = self._map("output_keys", widths.hidden, word)
        self.output_values = self._map("output_values", widths.hidden, word)
        self.output_map = self._map("attribute_output", word, widths.hidden)
        self.input_scale = self.add_weight(name="input_scale", shape=(word,), initializer="ones")
        self.output_scale = self.add_weight(
            name="output_scale", shape=(widths.hidden,), initializer="ones"
        )
        self.built = True

    def set_concept_words(self, word_ids: np.ndarray) -> None:
        """Sets which word each concept is, (num_concepts,) int32; checkpoints hold it."""
        self.word_ids.assign(word_ids)

    def prepare(self, encoder_outputs: dict[str, tf.Tensor], embedding_table: Table) -> Context:
        """Returns e_i and s(e_i), each (batch, n, e), U e_i, and V s(e_i), (batch, n, u)."""
        probabilities = self.encoder_output(encoder_outputs)
        chosen = tf.math.top_k(probabilities, self.config.num_attributes).indices
        ids = tf.gather(tf.convert_to_tensor(self.word_ids), chosen)
        attributes = tf.gather(embedding_table(), ids)
        said = keras.activations.get(self.config.activation)(attributes)
        return {
            "attributes": attributes,
            "input_keys": self.input_keys(attributes),
            "said": said,
            "output_keys": self.output_keys(said),
        }

    def step_input(self, context: Context, word_embedding: tf.Tensor, state: State) -> tf.Tensor:
        """Returns x_t, (rows, width)."""
        alpha = _attention(context["input_keys"], word_embedding)
        seen = tf.linalg.matvec(context["attributes"], alpha, transpose_a=True)
        scale = tf.cast(self.input_scale, self.compute_dtype)
        return self.input_map(word_embedding + scale * seen)

    def input_size(self, word_size: int, encoder_shapes: EncoderShapes) -> int:
        """Width of x_t."""
        return self.config.width

    def fuse_output(self, context: Context, projected: tf.Tensor) -> tf.Tensor:
        """Returns o_t, (rows, e), from h_t (rows, u)."""
        beta = _attention(context["output_keys"], projected)
        seen = tf.linalg.matvec(context["said"], beta, transpose_a=True)
        scale = tf.cast(self.output_scale, self.compute_dtype)
        return self.output_map(projected + scale * self.output_values(seen))

    def output_size(self, hidden_size: int) -> int:
        """Width of o_t: the word embedding's."""
        return self.word_embedding

    def attention_weights(
        self, context: Context, word_embedding: tf.Tensor, hidden: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        """Returns alpha and beta, each (rows, n)."""
        return (
            _attention(context["input_keys"], word_embedding),
            _attention(context["output_keys"], hidden),
        )

    def _map(self, name: str, units: int, input_size: int) -> keras.layers.Dense:
        return self.dense(name, units, input_size, use_bias=False)


def _attention(keys: tf.Tensor, query: tf.Tensor) -> tf.Tensor:
    """Returns softmax_i(query . key_i), (rows, n), from keys (rows, n, d) and queries (rows, d)."""
    return tf.nn.softmax(tf.linalg.matvec(keys, query), axis=-1)
