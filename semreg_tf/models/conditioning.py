"""The conditionings: classes through which the image reaches the decoder (Fig. 1)."""

import keras
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
    """The image sets the first state (Fig. 1(b, d)): h0 = Wi Ie + bi (Sec. 3.1).

    c0 is 0, or with states='both' a second map of Ie.
    """

    def build(self, encoder_shapes: EncoderShapes, widths: Widths) -> None:
        """Creates Wi and bi for h0, and with states='both' for every state."""
        size = self.embedding_size(encoder_shapes)
        states = self.state_sizes if self.config.states == "both" else self.state_sizes[:1]
        self.maps = [
            self.dense(f"initial_state_{i}", units, size, activation=self.config.activation)
            for i, units in enumerate(states)
        ]
        self.built = True

    def prepare(self, encoder_outputs: dict[str, tf.Tensor], embedding_table: Table) -> Context:
        """Returns the mapped states `state_<i>`, each (batch, units)."""
        embedding = self.embedding(encoder_outputs)
        return {f"state_{i}": layer(embedding) for i, layer in enumerate(self.maps)}

    def initial_state(
        self, context: Context, cell: Cell, drop_input: Dropout = tf.identity
    ) -> State:
        """Returns the mapped states, and zeros for states without a map."""
        mapped = [context[f"state_{i}"] for i in range(len(self.maps))]
        zeros = cell.zero_state(tf.shape(mapped[0])[0])
        return (*mapped, *zeros[len(mapped) :])


@keras.saving.register_keras_serializable("semreg_tf")
class StepZero(Conditioning):
    """The image is read like a word before START (Fig. 1(a)): (h0, c0) = LSTM(We Ie, 0, 0)."""

    def build(self, encoder_shapes: EncoderShapes, widths: Widths) -> None:
        """Creates We, the map to the cell's inputs, which usually are word embeddings."""
        size = self.embedding_size(encoder_shapes)
        self.map = self.dense("image_embedding", widths.cell_input, size)
        self.built = True

    def prepare(self, encoder_outputs: dict[str, tf.Tensor], embedding_table: Table) -> Context:
        """Returns `image_embedding`, (batch, d), as wide as the cell's inputs."""
        return {"image_embedding": self.map(self.embedding(encoder_outputs))}

    def initial_state(
        self, context: Context, cell: Cell, drop_input: Dropout = tf.identity
    ) -> State:
        """Returns the cell's state after one step on the image from the zero state.

        With `input_dropout`, dropout applies to the image's input as to a word's: im2txt wraps the
        cell in its dropout.
        """
        image = context["image_embedding"]
        if self.config.input_dropout:
            image = drop_input(image)
        zeros = cell.zero_state(tf.shape(image)[0])
        return cell.step(cell.project_input(image), zeros)[1]


@keras.saving.register_keras_serializable("semreg_tf")
class OutputFusion(Conditioning):
    """The image is fused with the output (Fig. 1(c), Wang et al. 2016).

    x_t = relu(Uo o_t + Ui Ie), of width 64.
    """

    def build(self, encoder_shapes: EncoderShapes, widths: Widths) -> None:
        """Creates Uo and Ui, without bias as in the source."""
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
        """Returns the width of x_t."""
        return self.config.width


@keras.saving.register_keras_serializable("semreg_tf")
class MultimodalOutput(Conditioning):
    """The multimodal layer of m-RNN (Mao et al. 2015), of width 512.

    m_t = g(Vw w_t + Vr r_t + Vi Ie) with g(x) = 1.7159 tanh(2 x / 3). embedding='none' leaves out
    Vi Ie (their RNN-base). The sum has one bias, that of Vw (ours).
    """

    embeddings = (*EMBEDDING_KEYS, "none")

    def build(self, encoder_shapes: EncoderShapes, widths: Widths) -> None:
        """Creates Vw with the bias, Vr and, unless embedding='none', Vi."""
        width = self.config.width
        self.word_map = self.dense("word_projection", width, widths.word)
        self.output_map = self.dense("output_projection", width, widths.hidden, use_bias=False)
        self.image_map = None
        if self.config.embedding != "none":
            size = self.embedding_size(encoder_shapes)
            self.image_map = self.dense("image_projection", width, size, use_bias=False)
        self.built = True

    def prepare(self, encoder_outputs: dict[str, tf.Tensor], embedding_table: Table) -> Context:
        """Returns `image_projection`, (batch, width), or nothing with embedding='none'."""
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
        """Returns the width of m_t."""
        return self.config.width


@keras.saving.register_keras_serializable("semreg_tf")
class SoftAttention(Conditioning):
    """Soft attention over the cells a_i of the CNN's map (Xu et al. 2015, Secs. 3.1.2 and 4.2).

    e_i = v . tanh(Wa a_i + Wh h_{t-1} + b), alpha = softmax(e), z_t = sum_i alpha_i a_i. The
    decoder's cell reads the word embedding and z_t concatenated. `width` is the width of the tanh
    layer. Their gate on z_t, their penalty on the sums of alpha and their deep output are left out.

    Parameters: w (a + u + 2) for maps of a channels and u units; the LSTM's kernel has a more rows.
    """

    reads_state = True
    embeddings = ("spatial_features",)

    def build(self, encoder_shapes: EncoderShapes, widths: Widths) -> None:
        """Creates Wa with the bias b, Wh, and v without bias, which the softmax would cancel."""
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
        """Returns alpha, the attention weight of each cell at the next step, (rows, cells)."""
        hidden = tf.tanh(context["keys"] + self.query_map(state[0])[:, None])
        return tf.nn.softmax(tf.squeeze(self.score_map(hidden), -1), axis=-1)

    def step_input(self, context: Context, word_embedding: tf.Tensor, state: State) -> tf.Tensor:
        """Returns the word embedding and z_t concatenated, (rows, e + channels)."""
        alpha = self.attention(context, state)
        attended = tf.linalg.matvec(context["cells"], alpha, transpose_a=True)
        return tf.concat([word_embedding, attended], axis=-1)

    def input_size(self, word_size: int, encoder_shapes: EncoderShapes) -> int:
        """Returns the width of the word embedding and z_t together."""
        return word_size + self.embedding_size(encoder_shapes)


@keras.saving.register_keras_serializable("semreg_tf")
class UnsaidConcepts(Conditioning):
    """Each step reads the concepts that are not yet in the hypothesis: x_t = E a_{t-1} + Wr r_t.

    r_t holds the concept probabilities, set to 0 for concepts whose word has been emitted. Fang et
    al. 2015 condition a language model on the set of detected words not yet emitted; reading their
    probabilities through a linear map that is added to the word embedding is ours.

    Parameters: k e, for k concepts and cell inputs of width e.
    """

    reads_state = True
    reads_concept_words = True
    remembers = True
    embeddings = ("concepts",)

    def build(self, encoder_shapes: EncoderShapes, widths: Widths) -> None:
        """Creates Wr, and the word ids of the concepts."""
        concepts = self.embedding_size(encoder_shapes)
        self.map = self.dense("unsaid_concepts", widths.step_input, concepts, use_bias=False)
        self.add_concept_word_ids(concepts)
        self.built = True

    def prepare(self, encoder_outputs: dict[str, tf.Tensor], embedding_table: Table) -> Context:
        """Returns `probabilities`, (batch, num_concepts)."""
        return {"probabilities": self.encoder_output(encoder_outputs)}

    def first_memory(self, context: Context) -> tf.Tensor:
        """Returns ones, (rows, num_concepts): no concept has been emitted."""
        return tf.ones_like(context["probabilities"])

    def remember(self, context: Context, memory: tf.Tensor, token_ids: tf.Tensor) -> tf.Tensor:
        """Returns 1 for concepts not yet emitted, else 0, (rows, num_concepts)."""
        words = tf.convert_to_tensor(self.word_ids)
        return memory * tf.cast(words != token_ids[:, None], memory.dtype)

    def step_input(self, context: Context, word_embedding: tf.Tensor, state: State) -> tf.Tensor:
        """Returns x_t, (rows, e)."""
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
      ValueError: the kind is unknown, or does not support the embedding or the attention penalty.
    """
    if config.kind not in CONDITIONINGS:
        raise ValueError(
            f"`kind` of a conditioning must be one of {', '.join(sorted(CONDITIONINGS))}. "
            f"Received: kind={config.kind!r}"
        )
    kind = CONDITIONINGS[config.kind]
    if config.embedding not in kind.embeddings:
        supporting = [name for name, c in CONDITIONINGS.items() if config.embedding in c.embeddings]
        raise ValueError(
            f"`embedding` must be one of {', '.join(kind.embeddings)} where the kind is "
            f"{config.kind}; {config.embedding!r} is for {', '.join(supporting)}. "
            f"Received: kind={config.kind!r}, embedding={config.embedding!r}"
        )
    if config.attention_penalty and kind.attention_weights is Conditioning.attention_weights:
        raise ValueError(
            f"`attention_penalty` must be 0 where the kind is {config.kind}, which has no weights. "
            f"Received: attention_penalty={config.attention_penalty}, kind={config.kind!r}"
        )
    return kind(
        config, word_embedding, state_sizes, initializer_range, name=f"{config.kind}_{index}"
    )
