"""How the image reaches the decoder (Fig. 1): each way is a class of `CONDITIONINGS`."""

import keras
import numpy as np
import tensorflow as tf

from semreg_tf.config import ConditioningConfig
from semreg_tf.models.attribute_attention import AttributeAttention
from semreg_tf.models.cells import Cell, State
from semreg_tf.models.conditioning_hooks import (
    EMBEDDING_KEYS,
    Conditioning,
    Context,
    Dropout,
    EncoderShapes,
    Table,
    Widths,
)


@keras.saving.register_keras_serializable("semreg_tf")
class InitState(Conditioning):
    """Fig. 1(b, d): h0 = Wi Ie + bi (Sec. 3.1); c0 = 0, or a second map with states='both'."""

    def build(self, encoder_shapes: EncoderShapes, widths: Widths) -> None:
        """Creates Wi, bi for h0 and, with states='both', for every state."""
        size = self.embedding_size(encoder_shapes)
        states = self.state_sizes if self.config.states == "both" else self.state_sizes[:1]
        self.maps = [
            self.dense(f"initial_state_{i}", units, size, activation=self.config.activation)
            for i, units in enumerate(states)
        ]
        self.built = True

    def prepare(self, encoder_outputs: dict[str, tf.Tensor], embedding_table: Table) -> Context:
        """Returns the mapped states, `state_<i>`, each (batch, units)."""
        embedding = self.embedding(encoder_outputs)
        return {f"state_{i}": layer(embedding) for i, layer in enumerate(self.maps)}

    def initial_state(
        self, context: Context, cell: Cell, drop_input: Dropout = tf.identity
    ) -> State:
        """Returns the mapped states, zeros for those without a map."""
        given = [context[f"state_{i}"] for i in range(len(self.maps))]
        zeros = cell.zero_state(tf.shape(given[0])[0])
        return (*given, *zeros[len(given) :])


@keras.saving.register_keras_serializable("semreg_tf")
class StepZero(Conditioning):
    """Fig. 1(a): (h0, c0) = LSTM(We Ie, 0, 0), the image as a word before START."""

    def build(self, encoder_shapes: EncoderShapes, widths: Widths) -> None:
        """Creates We, the map to the cell's inputs: into the word-embedding space, unless wider."""
        size = self.embedding_size(encoder_shapes)
        self.map = self.dense("image_embedding", widths.cell_input, size)
        self.built = True

    def prepare(self, encoder_outputs: dict[str, tf.Tensor], embedding_table: Table) -> Context:
        """Returns `image_embedding`, as wide as the cell's inputs, (batch, d)."""
        return {"image_embedding": self.map(self.embedding(encoder_outputs))}

    def initial_state(
        self, context: Context, cell: Cell, drop_input: Dropout = tf.identity
    ) -> State:
        """Returns the state after one call of the cell on the image from zeros.

        im2txt wraps the cell in its dropout, so the image's input drops like a word's.
        """
        image = context["image_embedding"]
        if self.config.input_dropout:
            image = drop_input(image)
        zeros = cell.zero_state(tf.shape(image)[0])
        return cell.step(cell.project_input(image), zeros)[1]


@keras.saving.register_keras_serializable("semreg_tf")
class OutputFusion(Conditioning):
    """Fig. 1(c), Wang et al. 2016: x_t = relu(Uo o_t + Ui Ie), of width 64."""

    def build(self, encoder_shapes: EncoderShapes, widths: Widths) -> None:
        """Creates Uo and Ui; neither has a bias in the source."""
        size, width = self.embedding_size(encoder_shapes), self.config.width
        self.image_map = self.dense("image_projection", width, size, use_bias=False)
        self.output_map = self.dense("output_projection", width, widths.hidden, use_bias=False)
        self.built = True

    def prepare(self, encoder_outputs: dict[str, tf.Tensor], embedding_table: Table) -> Context:
        """Returns `image_projection`, (batch, width)."""
        return {"image_projection": self.image_map(self.embedding(encoder_outputs))}

    def project_output(self, word_embedding: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
        """Returns Uo o_t, (rows, width)."""
        return self.output_map(hidden)

    def fuse_output(self, context: Context, projected: tf.Tensor) -> tf.Tensor:
        """Returns x_t, (rows, width)."""
        return tf.nn.relu(projected + context["image_projection"])

    def output_size(self, hidden_size: int) -> int:
        """Width of x_t."""
        return self.config.width


@keras.saving.register_keras_serializable("semreg_tf")
class MultimodalOutput(Conditioning):
    """Mao et al. 2015: m_t = g(Vw w_t + Vr r_t + Vi Ie), g(x) = 1.7159 tanh(2 x / 3), width 512.

    embedding='none' leaves out Vi Ie (their RNN-base). One bias, with Vw, serves the sum (ours).
    """

    embeddings = (*EMBEDDING_KEYS, "none")

    def build(self, encoder_shapes: EncoderShapes, widths: Widths) -> None:
        """Creates Vw with the bias, Vr and, where the image is read, Vi."""
        width = self.config.width
        self.word_map = self.dense("word_projection", width, widths.word)
        self.output_map = self.dense("output_projection", width, widths.hidden, use_bias=False)
        self.image_map = None
        if self.config.embedding != "none":
            size = self.embedding_size(encoder_shapes)
            self.image_map = self.dense("image_projection", width, size, use_bias=False)
        self.built = True

    def prepare(self, encoder_outputs: dict[str, tf.Tensor], embedding_table: Table) -> Context:
        """Returns `image_projection`, (batch, width); nothing where the image is not read."""
        if self.image_map is None:
            return {}
        return {"image_projection": self.image_map(self.embedding(encoder_outputs))}

    def project_output(self, word_embedding: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
        """Returns Vw w_t + Vr r_t, (rows, width)."""
        return self.word_map(word_embedding) + self.output_map(hidden)

    def fuse_output(self, context: Context, projected: tf.Tensor) -> tf.Tensor:
        """Returns m_t, (rows, width)."""
        if self.image_map is not None:
            projected = projected + context["image_projection"]
        return 1.7159 * tf.tanh(projected * (2 / 3))

    def output_size(self, hidden_size: int) -> int:
        """Width of m_t."""
        return self.config.width


@keras.saving.register_keras_serializable("semreg_tf")
class SoftAttention(Conditioning):
    """Xu et al. 2015, Secs. 3.1.2 and 4.2, soft attention over the cells a_i of the CNN's map.

    e_i = v . tanh(Wa a_i + Wh h_{t-1} + b), alpha = softmax(e), z_t = sum_i alpha_i a_i; the cell
    reads the word and z_t side by side. `width` is that of the tanh layer. Their gate on z_t, their
    penalty on the sums of alpha and their deep output are left out.

    Parameters: w (a + u + 2), for cells a_i of a channels and u units; the kernel of the LSTM has
    a rows more.
    """

    reads_state = True
    embeddings = ("spatial_features",)

    def build(self, encoder_shapes: EncoderShapes, widths: Widths) -> None:
        """Creates Wa with the bias, Wh and v, on whose bias a softmax would not depend."""
        width, channels = self.config.width, self.embedding_size(encoder_shapes)
        self.key_map = self.dense("attention_keys", width, channels)
        self.query_map = self.dense("attention_query", width, self.state_sizes[0], use_bias=False)
        self.score_map = self.dense("attention_score", 1, width, use_bias=False)
        self.built = True

    def prepare(self, encoder_outputs: dict[str, tf.Tensor], embedding_table: Table) -> Context:
        """Returns `cells`, (batch, cells, channels), and `keys`, (batch, cells, width)."""
        cells = self.encoder_output(encoder_outputs)
        return {"cells": cells, "keys": self.key_map(cells)}

    def attention(self, context: Context, state: State) -> tf.Tensor:
        """Returns alpha, how much of each cell the next step reads, (rows, cells)."""
        hidden = tf.tanh(context["keys"] + self.query_map(state[0])[:, None])
        return tf.nn.softmax(tf.squeeze(self.score_map(hidden), -1), axis=-1)

    def step_input(self, context: Context, word_embedding: tf.Tensor, state: State) -> tf.Tensor:
        """Returns the word and z_t side by side, (rows, e + channels)."""
        alpha = self.attention(context, state)
        seen = tf.linalg.matvec(context["cells"], alpha, transpose_a=True)
        return tf.concat([word_embedding, seen], axis=-1)

    def input_size(self, word_size: int, encoder_shapes: EncoderShapes) -> int:
        """Width of the word and z_t."""
        return word_size + self.embedding_size(encoder_shapes)


@keras.saving.register_keras_serializable("semreg_tf")
class UnsaidConcepts(Conditioning):
    """Each step reads which concepts are still to be said: x_t = E a_{t-1} + Wr r_t.

    r_t holds the concepts' probabilities, 0 for those whose word was said before (after Fang et al.
    2015, whose language model reads the set of detected words not yet said; that the probabilities
    themselves are read, by a linear map added to the word, is ours).

    Parameters: k e, for k concepts and an input of e.
    """

    reads_state = True
    reads_concept_words = True
    remembers = True
    embeddings = ("concepts",)

    def build(self, encoder_shapes: EncoderShapes, widths: Widths) -> None:
        """Creates Wr, and the concepts' words."""
        concepts = self.embedding_size(encoder_shapes)
        self.map = self.dense("unsaid_concepts", widths.step_input, concepts, use_bias=False)
        self.word_ids = self.add_weight(
            name="concept_word_ids",
            shape=(concepts,),
            dtype="int32",
            # Until `set_concept_words`: both lists begin with the most frequent words.
            initializer=lambda shape, dtype: keras.ops.arange(shape[0], dtype=dtype),
            trainable=False,
        )
        self.built = True

    def set_concept_words(self, word_ids: np.ndarray) -> None:
        """Sets which word each concept is, (num_concepts,) int32; checkpoints hold it."""
        self.word_ids.assign(word_ids)

    def prepare(self, encoder_outputs: dict[str, tf.Tensor], embedding_table: Table) -> Context:
        """Returns `probabilities`, (batch, num_concepts)."""
        return {"probabilities": self.encoder_output(encoder_outputs)}

    def first_memory(self, context: Context) -> tf.Tensor:
        """Returns ones: no concept is said, (rows, num_concepts)."""
        return tf.ones_like(context["probabilities"])

    def remember(self, context: Context, memory: tf.Tensor, token_ids: tf.Tensor) -> tf.Tensor:
        """Returns 1 for each concept that is still not said, (rows, num_concepts)."""
        words = tf.convert_to_tensor(self.word_ids)
        return memory * tf.cast(words != token_ids[:, None], memory.dtype)

    def step_input(self, context: Context, word_embedding: tf.Tensor, state: State) -> tf.Tensor:
        """Returns x_t, as wide as the word embedding."""
        return word_embedding + self.map(context["probabilities"] * state[-1])


CONDITIONINGS = {
    "init_state": InitState,
    "step_zero": StepZero,
    "output_fusion": OutputFusion,
    "multimodal_output": MultimodalOutput,
    "soft_attention": SoftAttention,
    "attribute_attention": AttributeAttention,
    "unsaid_concepts": UnsaidConcepts,
}


def build_conditioning(
    config: ConditioningConfig,
    word_embedding: int,
    state_sizes: tuple[int, ...],
    initializer_range: float | None,
    index: int = 0,
) -> Conditioning:
    """Returns the conditioning that `config.kind` names.

    Raises:
      ValueError: the kind is unknown, or it has not that embedding or that penalty.
    """
    if config.kind not in CONDITIONINGS:
        raise ValueError(
            f"`kind` of a conditioning must be one of {', '.join(sorted(CONDITIONINGS))}. "
            f"Received: kind={config.kind!r}"
        )
    kind = CONDITIONINGS[config.kind]
    if config.embedding not in kind.embeddings:
        able = [
            name for name, other in CONDITIONINGS.items() if config.embedding in other.embeddings
        ]
        raise ValueError(
            f"`embedding` must be one of {', '.join(kind.embeddings)} where the kind is "
            f"{config.kind}; {config.embedding!r} is for {', '.join(able)}. "
            f"Received: kind={config.kind!r}, embedding={config.embedding!r}"
        )
    if config.attention_penalty and kind.attention_weights is Conditioning.attention_weights:
        raise ValueError(
            f"`attention_penalty` must be 0 where the kind is {config.kind}, which has none. "
            f"Received: attention_penalty={config.attention_penalty}, kind={config.kind!r}"
        )
    return kind(
        config, word_embedding, state_sizes, initializer_range, name=f"{config.kind}_{index}"
    )
