"""What a way for the image to reach the decoder says: the hooks of a conditioning.

Every hook does nothing by default. Context tensors are batch-first: repeated per caption,
gathered with the beams, indexed by row where steps are packed. Several conditionings together
each have their own context; each hook gets what the conditionings before it returned.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from semreg_tf.config import ConditioningConfig
from semreg_tf.models.cells import Cell, State
from semreg_tf.models.dense import built_dense

Context = dict[str, tf.Tensor]
# Makes E, (vocab_size + 1, e): called by what reads it, for it is a large copy.
Table = Callable[[], tf.Tensor]
# The decoder's input dropout, on or off.
Dropout = Callable[[tf.Tensor], tf.Tensor]
EncoderShapes = dict[str, tuple[int | None, ...]]
EMBEDDING_KEYS = {
    "features": "features",
    "concepts": "concept_probabilities",
    "spatial_features": "spatial_features",
}


class Widths(NamedTuple):
    """Widths around one conditioning among several.

    Attributes:
      word: of the word embedding.
      step_input: of what `step_input` is given, the word after the conditionings before.
      cell_input: of what the cell reads, after all conditionings.
      hidden: of what `project_output` is given, the cell's output after the conditionings before.
    """

    word: int
    step_input: int
    cell_input: int
    hidden: int


@keras.saving.register_keras_serializable("semreg_tf")
class Conditioning(keras.layers.Layer):
    """Base of the conditionings.

    Args:
      config: the conditioning's fields.
      word_embedding: width of the decoder's word embedding.
      state_sizes: widths of the cell's states.
      initializer_range: im2txt's uniform range, or None.
    """

    # True where `step_input` reads the state: training then calls the decoder's step in a loop;
    # otherwise it projects the inputs of all steps at once and `step_input` gets an empty state.
    reads_state = False
    # True where it reads concepts by the words that they are, and so is told which those are.
    reads_concept_words = False
    # True where it has a memory: a state of its own beside the cell's, which words change and
    # `step_input` is given behind the cell's.
    remembers = False
    # What `config.embedding` may name.
    embeddings: tuple[str, ...] = tuple(EMBEDDING_KEYS)

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

    def build(self, encoder_shapes: EncoderShapes, widths: Widths) -> None:
        """Creates the weights.

        Args:
          encoder_shapes: of the encoder's outputs, by name.
          widths: of what the hooks are given.
        """
        self.built = True

    @property
    def sets_state(self) -> bool:
        """Whether it sets the cell's first state, which one conditioning alone may."""
        return type(self).initial_state is not Conditioning.initial_state

    @property
    def changes_input(self) -> bool:
        """Whether the cell's input depends on it."""
        return type(self).step_input is not Conditioning.step_input

    @property
    def changes_output(self) -> bool:
        """Whether what the output layer sees depends on it."""
        hooks = ("project_output", "fuse_output")
        return any(getattr(type(self), h) is not getattr(Conditioning, h) for h in hooks)

    def embedding(self, encoder_outputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns Ie, (batch, d), the gradient cut if asked.

        That is features, concept probabilities, or of spatial features the mean over all cells
        (as Xu et al. 2015 start their LSTM).
        """
        value = self.encoder_output(encoder_outputs)
        return tf.reduce_mean(value, 1) if self.config.embedding == "spatial_features" else value

    def encoder_output(self, encoder_outputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns what `config.embedding` names, the gradient cut if asked: (batch, d), of spatial
        features (batch, cells, d).
        """
        value = tf.cast(encoder_outputs[EMBEDDING_KEYS[self.config.embedding]], self.compute_dtype)
        return tf.stop_gradient(value) if self.config.stop_gradient else value

    def set_concept_words(self, word_ids: np.ndarray) -> None:
        """Sets which word of the vocabulary each concept is, (num_concepts,) int32."""

    def prepare(self, encoder_outputs: dict[str, tf.Tensor], embedding_table: Table) -> Context:
        """Projects once an image. Returns tensors with the batch first."""
        return {}

    def initial_state(
        self, context: Context, cell: Cell, drop_input: Dropout = tf.identity
    ) -> State | None:
        """Returns the cell's first state, or None where this conditioning does not set it.

        Args:
          context: what `prepare` gave.
          cell: the decoder's.
          drop_input: the dropout of the cell's inputs, for what the cell reads here.
        """
        return None

    def first_memory(self, context: Context) -> tf.Tensor:
        """Returns the memory before the first word, (rows, m); only where it remembers."""
        raise TypeError(f"`{type(self).__name__}` must define `first_memory`.")

    def remember(self, context: Context, memory: tf.Tensor, token_ids: tf.Tensor) -> tf.Tensor:
        """Returns the memory, (rows, m), once the words of a step, (rows,), are known too."""
        return memory

    def step_input(self, context: Context, word_embedding: tf.Tensor, state: State) -> tf.Tensor:
        """Returns the cell's input, (rows, d), from the word embedding (rows, e)."""
        return word_embedding

    def input_size(self, word_size: int, encoder_shapes: EncoderShapes) -> int:
        """Width of `step_input`'s result from that of its word embedding."""
        return word_size

    def step_output(
        self, context: Context, word_embedding: tf.Tensor, hidden: tf.Tensor
    ) -> tf.Tensor:
        """Returns what the output layer sees, (rows, d), from the cell's output (rows, u).

        It is not for overriding: override `project_output` and `fuse_output`.
        """
        return self.fuse_output(context, self.project_output(word_embedding, hidden))

    def project_output(self, word_embedding: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
        """Returns the part of `step_output` that no image changes, (rows, p)."""
        return hidden

    def fuse_output(self, context: Context, projected: tf.Tensor) -> tf.Tensor:
        """Returns the rest of `step_output`, (rows, d), from `project_output` (rows, p)."""
        return projected

    def attention_weights(
        self, context: Context, word_embedding: tf.Tensor, hidden: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        """Returns what `config.attention_penalty` is computed of, each (rows, attended).

        It gets what `step_input` and `project_output` get.
        """
        return ()

    def output_size(self, hidden_size: int) -> int:
        """Width of `step_output`'s result."""
        return hidden_size

    def embedding_size(self, encoder_shapes: EncoderShapes) -> int:
        """Returns the width of `embedding`.

        Raises:
          ValueError: the encoder has no such output.
        """
        key = EMBEDDING_KEYS[self.config.embedding]
        if key not in encoder_shapes:
            raise ValueError(
                f"`encoder_shapes` must hold {key!r}, which {self.name!r} reads. "
                f"Received: encoder_shapes={encoder_shapes}"
            )
        return encoder_shapes[key][-1]

    def dense(
        self, name: str, units: int, input_size: int, **options: object
    ) -> keras.layers.Dense:
        """Returns a dense layer whose weights exist, initialised as the decoder's are."""
        return built_dense(
            name, units, input_size, self.initializer_range, self.dtype_policy, **options
        )
