"""The decoder, the relational model of eq. (3): logits of the next word, given an image."""

import dataclasses
from functools import partial

import keras
import tensorflow as tf

from semreg_tf.config import ConditioningConfig, DecoderConfig
from semreg_tf.models.cells import State, build_cell
from semreg_tf.models.conditioning import build_conditioning
from semreg_tf.models.conditioning_chain import ConditioningChain, DecoderContext, Penalised
from semreg_tf.models.conditioning_hooks import Conditioning
from semreg_tf.models.dense import built_dense, uniform_initializer


@keras.saving.register_keras_serializable("semreg_tf")
class Decoder(keras.layers.Layer):
    """x_t = E a_{t-1}; h_t = cell(x_t, state); y_t = softmax(W h_t + b) (eq. 3).

    With a second embedding layer, x_t = E2 E a_{t-1} + b2 (Mao et al. 2015). `prepare` computes the
    context that `initial_state`, `step` and `unroll` read. The embedding has one row more than
    there are outputs, for START, which is only an input.

    Args:
      config: the decoder's config.
      conditionings: configs of the conditionings, in the order in which they are applied.
      vocab_size: number of outputs.

    Raises:
      ValueError: an unknown conditioning, or more than one that sets the first state.
    """

    def __init__(
        self,
        config: DecoderConfig | dict,
        conditionings: tuple[ConditioningConfig | dict, ...],
        vocab_size: int,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.config = DecoderConfig(**config) if isinstance(config, dict) else config
        self.conditioning_configs = tuple(
            ConditioningConfig(**c) if isinstance(c, dict) else c for c in conditionings
        )
        self.vocab_size = vocab_size
        self.cell = build_cell(self.config)
        sizes = self.config.input_width, self.cell.state_sizes
        self.conditionings: list[Conditioning] = [
            build_conditioning(c, *sizes, self.config.initializer_range, i)
            for i, c in enumerate(self.conditioning_configs)
        ]
        self._chain = ConditioningChain(self.conditionings)
        self.input_dropout = keras.layers.Dropout(self.config.input_dropout)
        self.output_dropout = keras.layers.Dropout(self.config.output_dropout)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "config": dataclasses.asdict(self.config),
            "conditionings": [dataclasses.asdict(c) for c in self.conditioning_configs],
            "vocab_size": self.vocab_size,
        }

    def build(
        self, encoder_outputs_shape: dict[str, tuple], input_ids_shape: tuple | None = None
    ) -> None:
        """Creates all weights for the shapes of the encoder's outputs.

        Raises:
          ValueError: an output that a conditioning reads is missing, the cell cannot read inputs of
            that width, or a tied output layer's input is not as wide as the word embedding.
        """
        initializer = uniform_initializer(self.config.initializer_range, "uniform")
        self.embedding = self.add_weight(
            name="word_embedding",
            shape=(self.vocab_size + 1, self.config.word_embedding),
            initializer=initializer,
        )
        self.second_embedding = None
        if self.config.second_embedding:
            self.second_embedding = self._dense(
                "second_embedding", self.config.second_embedding, self.config.word_embedding
            )
        sizes = encoder_outputs_shape, self.config.input_width, self.cell
        self.cell_input_size = self._chain.input_size(*sizes)
        self.cell.build((None, self.cell_input_size))
        width = self._chain.build(*sizes)
        if self.config.tie_output and width != self.config.word_embedding:
            raise ValueError(
                "`tie_output` needs a word embedding as wide as the output layer's input, "
                f"{width}. Received: word_embedding={self.config.word_embedding}"
            )
        if not self.config.tie_output:
            self.output_layer = self._dense("output", self.vocab_size, width)
        self.built = True

    @property
    def state_reads_image(self) -> bool:
        """Whether the cell's states depend on the image; False if it only enters at the output."""
        return self._chain.changes_input or self._chain.sets_state

    @property
    def reads_state(self) -> bool:
        """Whether the cell's input depends on the state, so that training loops over steps."""
        return self._chain.reads_state

    @property
    def encoder_outputs_read(self) -> frozenset[str]:
        """Names of the encoder's outputs that `prepare` reads."""
        return self._chain.encoder_outputs_read

    @property
    def reads_image(self) -> bool:
        """Whether any conditioning reads an output of the encoder."""
        return bool(self.encoder_outputs_read)

    @property
    def variables_read_by_row(self) -> list[keras.Variable]:
        """Embeddings of which a training step reads only the rows of its words."""
        return [] if self.config.tie_output else [self.embedding]

    def prepare(self, encoder_outputs: dict[str, tf.Tensor]) -> DecoderContext:
        """Computes once per image what all captions and steps read.

        Args:
          encoder_outputs: those of `encoder_outputs_read`: `features` (batch, d),
            `concept_probabilities` (batch, num_concepts), `spatial_features` (batch, cells, d).

        Returns:
          For each conditioning a dict of batch-first tensors.
        """
        return self._chain.prepare(encoder_outputs, self._word_table)

    def initial_state(
        self, context: DecoderContext, rows: tf.Tensor | None = None, training: bool = False
    ) -> State:
        """Returns the first state: the cell's, zeros unless it is set, and the memories."""
        if self._chain.sets_state:
            drop_input = partial(self.input_dropout, training=training)
            state = self._chain.initial_state(context, self.cell, drop_input)
        else:
            rows = tf.shape(tf.nest.flatten(context)[0])[0] if rows is None else rows
            state = self.cell.zero_state(rows)
        return (*state, *self._chain.first_memories(context))

    def step(
        self,
        token_ids: tf.Tensor,
        state: State,
        context: DecoderContext,
        input_table: tf.Tensor | None = None,
        output_weights: tuple[tf.Tensor, tf.Tensor] | None = None,
    ) -> tuple[tf.Tensor, State]:
        """Runs one step of eq. (3) without dropout; search calls it.

        Args:
          token_ids: the previous words, at first START, (rows,) int32.
          state: the states, each (rows, units).
          context: the result of `prepare`, repeated to rows.
          input_table: the result of `input_table`, or None.
          output_weights: the result of `output_weights`, to compute logits in another dtype.

        Returns:
          Logits (rows, vocab_size) and the new state.
        """
        hidden, words, state = self.advance(token_ids, state, context, input_table)
        return self.logits(hidden, words, context, output_weights), state

    def advance(
        self,
        token_ids: tf.Tensor,
        state: State,
        context: DecoderContext,
        input_table: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor, State]:
        """Advances the cell by one word, as `step`, without computing logits.

        Returns:
          The cell's outputs (rows, units), the word embeddings (rows, e) and the new state.
        """
        words = self.words(token_ids)
        state = self._chain.remember(context, state, token_ids)
        if input_table is not None:
            projected = tf.gather(input_table, token_ids)
        else:
            projected = self._chain.cell_input(self.cell, context, words, state)
        hidden, state = self._chain.move(self.cell, projected, state)
        return hidden, words, state

    def gates(
        self, token_ids: tf.Tensor, state: State, context: DecoderContext
    ) -> tuple[dict[str, tf.Tensor], State]:
        """Advances the cell by one word, as `step`, and returns its gates.

        Returns:
          The gates by the cell's `gate_names`, (rows, units), and the new state.
        """
        state = self._chain.remember(context, state, token_ids)
        projected = self._chain.cell_input(self.cell, context, self.words(token_ids), state)
        gates = self.cell.gates(projected, self._chain.split_state(state)[0])
        return gates, self._chain.move(self.cell, projected, state)[1]

    def input_table(self) -> tf.Tensor | None:
        """Returns E Wx + b of all words, (vocab_size + 1, p); None if a conditioning changes it."""
        if self._chain.changes_input:
            return None
        return self.cell.project_input(self._word_table())

    def unroll(
        self,
        input_ids: tf.Tensor,
        state: State,
        context: DecoderContext,
        training: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Runs the cell over whole sequences with teacher forcing.

        Args:
          input_ids: START a1 a2 ..., (rows, time) int32.
          state: the first states, each (rows, units).
          context: the result of `prepare`, repeated to rows.
          training: whether dropout is on.

        Returns:
          The cell's outputs (rows, time, units), after dropout, and the word embeddings
          (rows, time, e).
        """
        words = self.words(input_ids)
        if self.reads_state:
            masks = self._input_masks(words, training)
            hidden = self._chain.unroll(self.cell, context, input_ids, words, state, masks)
        else:
            inputs = self._chain.inputs_of_all_steps(context, words)
            inputs = self.input_dropout(inputs, training=training)
            by_time = tf.transpose(inputs, (1, 0, 2))
            hidden, _ = self.cell.unroll(self.cell.project_input(by_time), state)
        hidden = tf.transpose(hidden, (1, 0, 2))
        return self.output_dropout(hidden, training=training), words

    def _input_masks(self, words: tf.Tensor, training: bool) -> tf.Tensor | None:
        """Returns the dropout masks of the cell's inputs, (time, rows, d), or None."""
        if not (training and self.config.input_dropout):
            return None
        # Drawn for all steps at once: the seed's state must not change inside a loop.
        rows, time = tf.unstack(tf.shape(words))[:2]
        ones = tf.ones((time, rows, self.cell_input_size), self.compute_dtype)
        return self.input_dropout(ones, training=True)

    def output_weights(self, dtype: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns W (d, vocab_size) and b (vocab_size,) of eq. (3) in a dtype, for `step`."""
        if self.config.tie_output:
            kernel = tf.transpose(tf.convert_to_tensor(self.embedding)[: self.vocab_size])
            return tf.cast(kernel, dtype), tf.zeros((self.vocab_size,), dtype)
        return tf.cast(self.output_layer.kernel, dtype), tf.cast(self.output_layer.bias, dtype)

    def logits(
        self,
        hidden: tf.Tensor,
        words: tf.Tensor,
        context: DecoderContext,
        output_weights: tuple[tf.Tensor, tf.Tensor] | None = None,
    ) -> tf.Tensor:
        """Returns the logits of the next word, (rows, vocab_size).

        Args:
          hidden: the cell's outputs, (rows, units).
          words: the word embeddings of the inputs, (rows, e).
          context: the result of `prepare`, indexed by row.
          output_weights: the result of `output_weights`, in place of the output layer's weights.
        """
        projected = self.project_output(hidden, words)
        return self.fused_logits(projected, words, context, output_weights)

    def project_output(self, hidden: tf.Tensor, words: tf.Tensor) -> tf.Tensor:
        """Returns the part of the output that does not depend on the image, (rows, p)."""
        return self._chain.project_output(words, hidden)

    def fused_logits(
        self,
        projected: tf.Tensor,
        words: tf.Tensor,
        context: DecoderContext,
        output_weights: tuple[tf.Tensor, tf.Tensor] | None = None,
    ) -> tf.Tensor:
        """Returns the logits, (rows, vocab_size), from `project_output`; as `logits`."""
        hidden = self._chain.fuse_output(context, words, projected)
        if output_weights is None and self.config.tie_output:
            table = tf.cast(self.embedding[: self.vocab_size], self.compute_dtype)
            return tf.linalg.matmul(hidden, table, transpose_b=True)
        # Not the layer's BiasAdd: on a CPU its gradient takes four times as long as the sum's.
        kernel, bias = output_weights or self.output_weights(self.compute_dtype)
        return tf.linalg.matmul(tf.cast(hidden, kernel.dtype), kernel) + bias

    def packed_logits(
        self,
        encoder_outputs: dict[str, tf.Tensor],
        input_ids: tf.Tensor,
        padding_mask: tf.Tensor,
        training: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor, Penalised]:
        """Returns the logits at real targets only; none are computed at padding.

        Args:
          encoder_outputs: as for `prepare`.
          input_ids: (batch, captions, time) int32.
          padding_mask: (batch, captions, time) bool, true on real targets.
          training: whether dropout is on.

        Returns:
          Logits (tokens, vocab_size) in the order of `tf.where(padding_mask)`, each token's row
          among batch * captions, (tokens,) int32, and the attention weights that have a penalty.
        """
        hidden, words, context = self._unroll_captions(encoder_outputs, input_ids, training)
        time = tf.shape(input_ids)[2]
        positions = tf.cast(tf.where(tf.reshape(padding_mask, (-1,)))[:, 0], tf.int32)
        rows = positions // time
        context = self._chain.output_context(context, lambda x: tf.gather(x, rows))
        hidden = tf.gather(tf.reshape(hidden, (-1, hidden.shape[-1])), positions)
        words = tf.gather(tf.reshape(words, (-1, words.shape[-1])), positions)
        attention = self._chain.penalised_attention(context, words, hidden)
        return self.logits(hidden, words, context), rows, attention

    def call(
        self,
        encoder_outputs: dict[str, tf.Tensor],
        input_ids: tf.Tensor,
        training: bool = False,
    ) -> tf.Tensor:
        """Returns the logits at all positions, (batch, captions, time, vocab_size).

        Arguments as for `packed_logits`.
        """
        hidden, words, context = self._unroll_captions(encoder_outputs, input_ids, training)
        shape = tf.shape(input_ids)
        context = self._chain.output_context(context, lambda x: tf.repeat(x, shape[2], axis=0))
        logits = self.logits(
            tf.reshape(hidden, (-1, hidden.shape[-1])),
            tf.reshape(words, (-1, words.shape[-1])),
            context,
        )
        return tf.reshape(logits, tf.concat([shape, [self.vocab_size]], 0))

    def compute_output_shape(
        self, encoder_outputs_shape: dict[str, tuple], input_ids_shape: tuple
    ) -> tuple:
        """Returns (batch, captions, time, vocab_size)."""
        return (*input_ids_shape, self.vocab_size)

    def _unroll_captions(
        self, encoder_outputs: dict[str, tf.Tensor], input_ids: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor, DecoderContext]:
        captions, time = tf.shape(input_ids)[1], tf.shape(input_ids)[2]
        context = self.prepare(encoder_outputs)
        context = tf.nest.map_structure(lambda x: tf.repeat(x, captions, axis=0), context)
        flat_ids = tf.reshape(input_ids, (-1, time))
        state = self.initial_state(context, tf.shape(flat_ids)[0], training)
        hidden, words = self.unroll(flat_ids, state, context, training)
        return hidden, words, context

    def words(self, token_ids: tf.Tensor) -> tf.Tensor:
        """Returns the word embeddings that cell and conditionings read, (..., input_width)."""
        # Gathered from the variable itself, so that the whole table is neither copied nor cast.
        words = tf.cast(tf.gather(self.embedding.value, token_ids), self.compute_dtype)
        return words if self.second_embedding is None else self.second_embedding(words)

    def _word_table(self) -> tf.Tensor:
        table = tf.cast(self.embedding, self.compute_dtype)
        return table if self.second_embedding is None else self.second_embedding(table)

    def _dense(self, name: str, units: int, input_size: int) -> keras.layers.Dense:
        scale = self.config.initializer_range
        return built_dense(name, units, input_size, scale, self.dtype_policy)
