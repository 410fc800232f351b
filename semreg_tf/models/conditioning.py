"""How the image reaches the decoder (Fig. 1): small classes with hooks.

Every hook does nothing by default. Context tensors are batch-first: repeated per caption,
gathered with the beams, indexed by row where steps are packed.
"""

import dataclasses
from collections.abc import Callable

import keras
import tensorflow as tf

from semreg_tf.config import ConditioningConfig
from semreg_tf.models.cells import State, uniform_initializer

Context = dict[str, tf.Tensor]
# Makes E, (vocab_size + 1, e): called by what reads it, for it is a large copy.
Table = Callable[[], tf.Tensor]
# The decoder's input dropout, on or off.
Dropout = Callable[[tf.Tensor], tf.Tensor]
EMBEDDING_KEYS = {"features": "features", "concepts": "concept_probabilities"}


@keras.saving.register_keras_serializable("semreg_tf")
class Conditioning(keras.layers.Layer):
    """Base of the conditionings.

    Args:
      config: the conditioning's fields.
      word_embedding: width of the decoder's word embedding.
      state_sizes: widths of the cell's states.
      initializer_range: im2txt's uniform range, or None.
    """

    # True where `step_input` looks at the state: the input projection then stays in the loop.
    reads_state = False
    # True where embedding='none' means something.
    image_is_optional = False

    def __init__(
        self,
        config: ConditioningConfig | dict,
        word_embedding: int,
        state_sizes: tuple[int, ...],
        initializer_range: float | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.config = ConditioningConfig(**config) if isinstance(config, dict) else config
        self.word_embedding = word_embedding
        self.state_sizes = tuple(state_sizes)
        self.initializer_range = initializer_range

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "config": dataclasses.asdict(self.config),
            "word_embedding": self.word_embedding,
            "state_sizes": self.state_sizes,
            "initializer_range": self.initializer_range,
        }

    def build(self, encoder_shapes: dict[str, tuple[int | None, ...]]) -> None:
        """Creates the weights from the shapes of the encoder's outputs."""
        self.built = True

    def embedding(self, encoder_outputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns Ie, (batch, d): features or concept probabilities, the gradient cut if asked."""
        value = tf.cast(encoder_outputs[EMBEDDING_KEYS[self.config.embedding]], self.compute_dtype)
        return tf.stop_gradient(value) if self.config.stop_gradient else value

    def prepare(self, encoder_outputs: dict[str, tf.Tensor], embedding_table: Table) -> Context:
        """Projects once an image. Returns tensors with the batch first."""
        return {}

    def initial_state(
        self, context: Context, cell: keras.layers.Layer, drop_input: Dropout = tf.identity
    ) -> State | None:
        """Returns the cell's first state, or None where this conditioning does not set it.

        Args:
          context: what `prepare` gave.
          cell: the decoder's.
          drop_input: the dropout of the cell's inputs, for what the cell reads here.
        """
        return None

    def step_input(self, context: Context, word_embedding: tf.Tensor, state: State) -> tf.Tensor:
        """Returns the cell's input, (rows, d), from the word embedding (rows, e)."""
        return word_embedding

    def step_output(
        self, context: Context, word_embedding: tf.Tensor, hidden: tf.Tensor
    ) -> tf.Tensor:
        """Returns what the output layer sees, (rows, d), from the cell's output (rows, u)."""
        return self.fuse_output(context, self.project_output(word_embedding, hidden))

    def project_output(self, word_embedding: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
        """Returns the part of `step_output` that no image changes, (rows, p)."""
        return hidden

    def fuse_output(self, context: Context, projected: tf.Tensor) -> tf.Tensor:
        """Returns the rest of `step_output`, (rows, d), from `project_output` (rows, p)."""
        return projected

    def output_size(self, hidden_size: int) -> int:
        """Width of `step_output`'s result."""
        return hidden_size

    def _embedding_size(self, encoder_shapes: dict[str, tuple[int | None, ...]]) -> int:
        return encoder_shapes[EMBEDDING_KEYS[self.config.embedding]][-1]

    def _dense(
        self, name: str, units: int, input_size: int, **kwargs: object
    ) -> keras.layers.Dense:
        layer = keras.layers.Dense(
            units,
            kernel_initializer=uniform_initializer(self.initializer_range),
            name=name,
            dtype=self.dtype_policy,
            **kwargs,
        )
        layer.build((None, input_size))
        return layer


@keras.saving.register_keras_serializable("semreg_tf")
class InitState(Conditioning):
    """Fig. 1(b, d): h0 = Wi Ie + bi (Sec. 3.1); c0 = 0, or a second map with states='both'."""

    def build(self, encoder_shapes: dict[str, tuple[int | None, ...]]) -> None:
        """Creates Wi, bi for h0 and, with states='both', for every state."""
        size = self._embedding_size(encoder_shapes)
        states = self.state_sizes if self.config.states == "both" else self.state_sizes[:1]
        self.maps = [
            self._dense(f"initial_state_{i}", units, size, activation=self.config.activation)
            for i, units in enumerate(states)
        ]
        self.built = True

    def prepare(self, encoder_outputs: dict[str, tf.Tensor], embedding_table: Table) -> Context:
        """Returns the mapped states, `state_<i>`, each (batch, units)."""
        embedding = self.embedding(encoder_outputs)
        return {f"state_{i}": layer(embedding) for i, layer in enumerate(self.maps)}

    def initial_state(
        self, context: Context, cell: keras.layers.Layer, drop_input: Dropout = tf.identity
    ) -> State:
        """Returns the mapped states, zeros for those without a map."""
        given = [context[f"state_{i}"] for i in range(len(self.maps))]
        zeros = cell.zero_state(tf.shape(given[0])[0])
        return (*given, *zeros[len(given) :])


@keras.saving.register_keras_serializable("semreg_tf")
class StepZero(Conditioning):
    """Fig. 1(a): (h0, c0) = LSTM(We Ie, 0, 0), the image as a word before START."""

    def build(self, encoder_shapes: dict[str, tuple[int | None, ...]]) -> None:
        """Creates We, the map into the word-embedding space."""
        size = self._embedding_size(encoder_shapes)
        self.map = self._dense("image_embedding", self.word_embedding, size)
        self.built = True

    def prepare(self, encoder_outputs: dict[str, tf.Tensor], embedding_table: Table) -> Context:
        """Returns `image_embedding`, (batch, e)."""
        return {"image_embedding": self.map(self.embedding(encoder_outputs))}

    def initial_state(
        self, context: Context, cell: keras.layers.Layer, drop_input: Dropout = tf.identity
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

    def build(self, encoder_shapes: dict[str, tuple[int | None, ...]]) -> None:
        """Creates Uo and Ui; neither has a bias in the source."""
        size, width = self._embedding_size(encoder_shapes), self.config.width
        self.image_map = self._dense("image_projection", width, size, use_bias=False)
        self.output_map = self._dense(
            "output_projection", width, self.state_sizes[0], use_bias=False
        )
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

    image_is_optional = True

    def build(self, encoder_shapes: dict[str, tuple[int | None, ...]]) -> None:
        """Creates Vw with the bias, Vr and, where the image is read, Vi."""
        width = self.config.width
        self.word_map = self._dense("word_projection", width, self.word_embedding)
        self.output_map = self._dense(
            "output_projection", width, self.state_sizes[0], use_bias=False
        )
        self.image_map = None
        if self.config.embedding != "none":
            size = self._embedding_size(encoder_shapes)
            self.image_map = self._dense("image_projection", width, size, use_bias=False)
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


CONDITIONINGS = {
    "init_state": InitState,
    "step_zero": StepZero,
    "output_fusion": OutputFusion,
    "multimodal_output": MultimodalOutput,
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
      ValueError: the kind is unknown, or it cannot do without the image.
    """
    if config.kind not in CONDITIONINGS:
        raise ValueError(
            f"`kind` of a conditioning must be one of {', '.join(sorted(CONDITIONINGS))}. "
            f"Received: kind={config.kind!r}"
        )
    kind = CONDITIONINGS[config.kind]
    if config.embedding == "none" and not kind.image_is_optional:
        able = ", ".join(name for name, other in CONDITIONINGS.items() if other.image_is_optional)
        raise ValueError(
            f"`embedding` may be 'none' only where the kind is {able}. "
            f"Received: kind={config.kind!r}, embedding='none'"
        )
    return kind(
        config, word_embedding, state_sizes, initializer_range, name=f"{config.kind}_{index}"
    )
