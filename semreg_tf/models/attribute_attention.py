"""Attention to the words of the likeliest concepts, at the decoder's input and at its output."""

import keras
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
    """Attention over the n most probable concepts A_i (You et al. 2016).

    e_i is the word embedding of the word of concept A_i. At the input, the query is the previous
    word, not the state: alpha = softmax_i(e_{t-1} U e_i), x_t = Wx (e_{t-1} + wx * sum_i alpha_i
    e_i). At the output, with s for `activation`: beta = softmax_i(h_t V s(e_i)), o_t = Wh (h_t +
    wh * P sum_i beta_i s(e_i)). o_t is as wide as the word embedding, so the output layer can be
    tied to it. The probabilities only select the attributes, so no gradient flows through them.
    P allows the widths to differ and is not in the printed sum; wx and wh start at 1 (ours).

    Parameters: e e + e + w e + e u + e u + u + u e, for word embeddings of width e, cell inputs of
    width w and u units.
    """

    reads_concept_words = True
    embeddings = ("concepts",)

    def build(self, encoder_shapes: EncoderShapes, widths: Widths) -> None:
        """Creates U, Wx, wx, V, P, wh and Wh, all without bias, and the word ids of the concepts.

        Raises:
          ValueError: there are fewer concepts than attributes, or an earlier conditioning changes
            the width of the step's input.
        """
        concepts, word = self.embedding_size(encoder_shapes), widths.word
        if concepts < self.config.num_attributes:
            raise ValueError(
                f"`num_attributes` must be at most the number of concepts, {concepts}. "
                f"Received: num_attributes={self.config.num_attributes}"
            )
        if widths.step_input != word:
            raise ValueError(
                f"`conditionings` must not change the input's width, {word}, before {self.name!r}, "
                f"which adds attributes to it: put it first. Received: width {widths.step_input}"
            )
        self.add_concept_word_ids(concepts)
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

    def prepare(self, encoder_outputs: dict[str, tf.Tensor], embedding_table: Table) -> Context:
        """Returns e_i and s(e_i), each (batch, n, e), U e_i, and V s(e_i), (batch, n, u)."""
        probabilities = self.encoder_output(encoder_outputs)
        chosen = tf.math.top_k(probabilities, self.config.num_attributes).indices
        ids = tf.gather(tf.convert_to_tensor(self.word_ids), chosen)
        attributes = tf.gather(embedding_table(), ids)
        activated = keras.activations.get(self.config.activation)(attributes)
        return {
            "attributes": attributes,
            "input_keys": self.input_keys(attributes),
            "activated": activated,
            "output_keys": self.output_keys(activated),
        }

    def step_input(self, context: Context, word_embedding: tf.Tensor, state: State) -> tf.Tensor:
        """Returns x_t, (rows, width)."""
        alpha = _attention(context["input_keys"], word_embedding)
        attended = tf.linalg.matvec(context["attributes"], alpha, transpose_a=True)
        scale = tf.cast(self.input_scale, self.compute_dtype)
        return self.input_map(word_embedding + scale * attended)

    def input_size(self, word_size: int, encoder_shapes: EncoderShapes) -> int:
        """Returns the width of x_t."""
        return self.config.width

    def fuse_output(self, context: Context, projected: tf.Tensor) -> tf.Tensor:
        """Returns o_t, (rows, e), from h_t (rows, u)."""
        beta = _attention(context["output_keys"], projected)
        attended = tf.linalg.matvec(context["activated"], beta, transpose_a=True)
        scale = tf.cast(self.output_scale, self.compute_dtype)
        return self.output_map(projected + scale * self.output_values(attended))

    def output_size(self, hidden_size: int) -> int:
        """Returns the width of o_t, which is that of the word embedding."""
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
