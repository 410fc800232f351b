"""The base class of conditionings, whose hooks define how the image reaches the decoder.

Every hook does nothing by default. Context tensors are batch-first: they are repeated per caption,
gathered with the beams, and indexed by row where steps are packed. Each of several conditionings
has its own context, and each hook gets what the same hook of the previous conditioning returned.
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
# Returns E, (vocab_size + 1, e). It is called only where E is read, because E is a large copy.
Table = Callable[[], tf.Tensor]
# Applies the decoder's input dropout, or nothing outside training.
Dropout = Callable[[tf.Tensor], tf.Tensor]
EncoderShapes = dict[str, tuple[int | None, ...]]
EMBEDDING_KEYS = {
    "features": "features",
    "concepts": "concept_probabilities",
    "spatial_features": "spatial_features",
}


class Widths(NamedTuple):
    """Widths of the tensors around one conditioning of a chain.

    Attributes:
      word: width of the word embedding.
      step_input: width of the input of `step_input`, after the previous conditionings.
      cell_input: width of the cell's inputs, after all conditionings.
      hidden: width of the input of `project_output`, after the previous conditionings.
    """

    word: int
    step_input: int
    cell_input: int
    hidden: int


@keras.saving.register_keras_serializable("semreg_tf")
class Conditioning(keras.layers.Layer):
    """Base class of the conditionings.

    Args:
      config: the conditioning's config.
      word_embedding: width of the decoder's word embedding.
      state_sizes: widths of the cell's states.
      initializer_range: im2txt's uniform range, or None.
    """

    # True if `step_input` reads the state. Training then calls the decoder's step in a loop;
    # otherwise it projects the inputs of all steps at once, and `step_input` gets an empty state.
    reads_state = False
    # True if the conditioning needs the word id of each concept, see `set_concept_words`.
    reads_concept_words = False
    # True if the conditioning has a memory: an additional state that words update and that
    # `step_input` gets after the cell's state.
    remembers = False
    # Allowed values of `config.embedding`.
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
        """Creates the weights for the shapes of the encoder's outputs, by name."""
        self.built = True

    @property
    def sets_state(self) -> bool:
        """Whether it sets the cell's first state; only one conditioning of a decoder may."""
        return type(self).initial_state is not Conditioning.initial_state

    @property
    def changes_input(self) -> bool:
        """Whether it changes the cell's input."""
        return type(self).step_input is not Conditioning.step_input

    @property
    def changes_output(self) -> bool:
        """Whether it changes the output layer's input."""
        hooks = ("project_output", "fuse_output")
        return any(getattr(type(self), h) is not getattr(Conditioning, h) for h in hooks)

    def embedding(self, encoder_outputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns Ie, (batch, d), without gradient if `config.stop_gradient`.

        Ie is the features, the concept probabilities, or the mean of the spatial features over all
        cells (as Xu et al. 2015 initialise their LSTM).
        """
        value = self.encoder_output(encoder_outputs)
        return tf.reduce_mean(value, 1) if self.config.embedding == "spatial_features" else value

    def encoder_output(self, encoder_outputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns the encoder output of `config.embedding`, as `embedding` but with all cells.

        Its shape is (batch, d), or (batch, cells, d) for spatial features.
        """
        value = tf.cast(encoder_outputs[EMBEDDING_KEYS[self.config.embedding]], self.compute_dtype)
        return tf.stop_gradient(value) if self.config.stop_gradient else value

    def add_concept_word_ids(self, num_concepts: int) -> None:
        """Creates `word_ids`, the word id of each concept, which checkpoints store."""
        self.word_ids = self.add_weight(
            name="concept_word_ids",
            shape=(num_concepts,),
            dtype="int32",
            # A guess until `set_concept_words`: both lists start with the most frequent words.
            initializer=lambda shape, dtype: keras.ops.arange(shape[0], dtype=dtype),
            trainable=False,
        )

    def set_concept_words(self, word_ids: np.ndarray) -> None:
        """Sets the word id of each concept, (num_concepts,) int32, after `add_concept_word_ids`."""
        self.word_ids.assign(word_ids)

    def prepare(self, encoder_outputs: dict[str, tf.Tensor], embedding_table: Table) -> Context:
        """Computes, once per image, the batch-first tensors that the other hooks read."""
        return {}

    def initial_state(
        self, context: Context, cell: Cell, drop_input: Dropout = tf.identity
    ) -> State | None:
        """Returns the cell's first state, or None if this conditioning does not set it.

        `drop_input` is the dropout of the cell's inputs, for inputs that the cell reads here.
        """
        return None

    def first_memory(self, context: Context) -> tf.Tensor:
        """Returns the memory before the first word, (rows, m); for classes with `remembers`."""
        raise TypeError(f"`{type(self).__name__}` must define `first_memory`.")

    def remember(self, context: Context, memory: tf.Tensor, token_ids: tf.Tensor) -> tf.Tensor:
        """Returns the memory, (rows, m), updated by the words of one step, (rows,)."""
        return memory

    def step_input(self, context: Context, word_embedding: tf.Tensor, state: State) -> tf.Tensor:
        """Returns the cell's input, (rows, d), from the word embedding (rows, e)."""
        return word_embedding

    def input_size(self, word_size: int, encoder_shapes: EncoderShapes) -> int:
        """Returns the width of `step_input`'s result for word embeddings of width `word_size`."""
        return word_size

    def step_output(
        self, context: Context, word_embedding: tf.Tensor, hidden: tf.Tensor
    ) -> tf.Tensor:
        """Returns the output layer's input, (rows, d), from the cell's output (rows, u).

        Do not override it; override `project_output` and `fuse_output`.
        """
        return self.fuse_output(context, self.project_output(word_embedding, hidden))

    def project_output(self, word_embedding: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
        """Returns the part of `step_output` that does not depend on the image, (rows, p)."""
        return hidden

    def fuse_output(self, context: Context, projected: tf.Tensor) -> tf.Tensor:
        """Returns the rest of `step_output`, (rows, d), from `project_output` (rows, p)."""
        return projected

    def attention_weights(
        self, context: Context, word_embedding: tf.Tensor, hidden: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        """Returns the weights that `config.attention_penalty` applies to, each (rows, attended).

        Args:
          context: the result of `prepare`, repeated to rows.
          word_embedding: the input of `step_input`, (rows, e).
          hidden: the input of `project_output`, (rows, u).
        """
        return ()

    def output_size(self, hidden_size: int) -> int:
        """Returns the width of `step_output`'s result for outputs of width `hidden_size`."""
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
        """Returns a built dense layer, initialised like the decoder's layers."""
        return built_dense(
            name, units, input_size, self.initializer_range, self.dtype_policy, **options
        )
