"""A decoder's conditionings in sequence: each one's output is the input of the next."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from semreg_tf.config import ConditioningConfig
from semreg_tf.models.cells import Cell, State, unroll_steps
from semreg_tf.models.conditioning_hooks import (
    EMBEDDING_KEYS,
    Conditioning,
    Context,
    Dropout,
    EncoderShapes,
    Table,
    Widths,
)

DecoderContext = tuple[Context, ...]
# Attention weights, (rows, attended), each with the config of its conditioning.
Penalised = list[tuple[ConditioningConfig, tf.Tensor]]


class ConditioningChain:
    """Combines the hooks of several conditionings, in the order in which they are applied.

    Raises:
      ValueError: more than one conditioning sets the first state.
    """

    def __init__(self, conditionings: Sequence[Conditioning]) -> None:
        self._all = conditionings
        setting = [c.name for c in conditionings if c.sets_state]
        if len(setting) > 1:
            raise ValueError(
                "`conditionings` must hold at most one that sets the cell's first state: keep one "
                f"of them. Received: conditionings={setting}"
            )
        self.sets_state = bool(setting)
        self.changes_input = any(c.changes_input for c in conditionings)
        self.reads_state = any(c.reads_state for c in conditionings)
        self._remembering = [i for i, c in enumerate(conditionings) if c.remembers]
        embeddings = {c.config.embedding for c in conditionings} - {"none"}
        self.encoder_outputs_read = frozenset(EMBEDDING_KEYS[e] for e in embeddings)
        self._changing_output = [i for i, c in enumerate(conditionings) if c.changes_output]

    def input_size(self, encoder_shapes: EncoderShapes, word_size: int, cell: Cell) -> int:
        """Returns the width of the cell's inputs.

        Raises:
          ValueError: the cell cannot read inputs of that width.
        """
        size = word_size
        for conditioning in self._all:
            size = conditioning.input_size(size, encoder_shapes)
        if cell.input_is_added and size != cell.units:
            raise ValueError(
                f"`conditionings` must keep the step's input at width {cell.units} for "
                f"cell={cell.name!r}, which adds it to its state. Received: width {size} "
                f"after conditionings={[c.name for c in self._all]}"
            )
        return size

    def build(self, encoder_shapes: EncoderShapes, word_size: int, cell: Cell) -> int:
        """Creates all weights and returns the width of the output layer's inputs."""
        cell_input = self.input_size(encoder_shapes, word_size, cell)
        step_input, hidden = word_size, cell.units
        for conditioning in self._all:
            conditioning.build(encoder_shapes, Widths(word_size, step_input, cell_input, hidden))
            step_input = conditioning.input_size(step_input, encoder_shapes)
            hidden = conditioning.output_size(hidden)
        return hidden

    def prepare(
        self, encoder_outputs: dict[str, tf.Tensor], embedding_table: Table
    ) -> DecoderContext:
        """Returns each conditioning's context."""
        return tuple(c.prepare(encoder_outputs, embedding_table) for c in self._all)

    def initial_state(
        self, context: DecoderContext, cell: Cell, drop_input: Dropout = tf.identity
    ) -> State | None:
        """Returns the cell's first state, or None if no conditioning sets it."""
        for conditioning, own_context in zip(self._all, context, strict=True):
            if conditioning.sets_state:
                return conditioning.initial_state(own_context, cell, drop_input)
        return None

    def first_memories(self, context: DecoderContext) -> State:
        """Returns the first memory of each conditioning that has one, (rows, m)."""
        return tuple(self._all[i].first_memory(context[i]) for i in self._remembering)

    def remember(self, context: DecoderContext, state: State, token_ids: tf.Tensor) -> State:
        """Returns the decoder's state with its memories, the last tensors, updated by one word."""
        cell, memories = self.split_state(state)
        numbered = zip(self._remembering, memories, strict=True)
        new = [self._all[i].remember(context[i], memory, token_ids) for i, memory in numbered]
        return (*cell, *new)

    def split_state(self, state: State) -> tuple[State, State]:
        """Splits the decoder's state into the cell's state and the memories."""
        count = len(state) - len(self._remembering)
        return state[:count], state[count:]

    def step_input(self, context: DecoderContext, words: tf.Tensor, state: State) -> tf.Tensor:
        """Returns the cell's input at one step, (rows, d), from word embeddings (rows, e)."""
        cell, memories = self.split_state(state) if state else ((), ())
        memory_of = dict(zip(self._remembering, memories, strict=False))
        for i, conditioning in enumerate(self._all):
            memory = (memory_of[i],) if i in memory_of else ()
            words = conditioning.step_input(context[i], words, (*cell, *memory))
        return words

    def cell_input(
        self,
        cell: Cell,
        context: DecoderContext,
        words: tf.Tensor,
        state: State,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the projected input of the cell's step, (rows, p), as `Cell.project_input`.

        The cell's input, (rows, d), is multiplied by the dropout mask.
        """
        inputs = self.step_input(context, words, state)
        return cell.project_input(inputs if mask is None else inputs * mask)

    def move(self, cell: Cell, projected: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Advances the cell by one word; returns its output (rows, units) and the new state."""
        cell_state, memories = self.split_state(state)
        hidden, cell_state = cell.step(projected, cell_state)
        return hidden, (*cell_state, *memories)

    def unroll(
        self,
        cell: Cell,
        context: DecoderContext,
        input_ids: tf.Tensor,
        words: tf.Tensor,
        state: State,
        masks: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Runs the same step as search in a loop over time, for inputs that depend on the state.

        Args:
          cell: the decoder's cell.
          context: the result of `prepare`, repeated to rows.
          input_ids: (rows, time) int32.
          words: their word embeddings, (rows, time, e).
          state: the decoder's first state.
          masks: dropout masks by which the cell's inputs are multiplied, (time, rows, d), or None.

        Returns:
          The cell's outputs, (time, rows, units).
        """
        by_time, ids = tf.transpose(words, (1, 0, 2)), tf.transpose(input_ids)

        def step(t: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
            state = self.remember(context, state, ids[t])
            mask = None if masks is None else masks[t]
            return self.move(cell, self.cell_input(cell, context, by_time[t], state, mask), state)

        return unroll_steps(step, by_time, state)[0]

    def inputs_of_all_steps(self, context: DecoderContext, words: tf.Tensor) -> tf.Tensor:
        """Returns the cell's inputs of all steps, (rows, time, d), if none depends on the state."""
        if not self.changes_input:
            return words
        shape = tf.shape(words)
        flat = tf.reshape(words, (-1, words.shape[-1]))
        pairs = zip(self._all, context, strict=True)
        input_context = tuple(x if c.changes_input else {} for c, x in pairs)
        repeated = tf.nest.map_structure(lambda x: tf.repeat(x, shape[1], axis=0), input_context)
        flat = self.step_input(repeated, flat, ())
        return tf.reshape(flat, (shape[0], shape[1], flat.shape[-1]))

    def output_context(
        self, context: DecoderContext, change: Callable[[tf.Tensor], tf.Tensor]
    ) -> DecoderContext:
        """Returns the context that the output reads, with `change` applied to its tensors.

        Tensors that only the input reads are left out, because a map's cells would take much memory
        when repeated for every token.
        """
        pairs = zip(self._all, context, strict=True)
        return tf.nest.map_structure(change, tuple(x if c.changes_output else {} for c, x in pairs))

    def project_output(self, words: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
        """Returns the part of the output that does not depend on the image, (rows, p)."""
        if not self._changing_output:
            return hidden
        return self._all[self._changing_output[0]].project_output(words, hidden)

    def fuse_output(
        self, context: DecoderContext, words: tf.Tensor, projected: tf.Tensor
    ) -> tf.Tensor:
        """Returns the output layer's inputs, (rows, d), from `project_output` (rows, p)."""
        output = projected
        for number, i in enumerate(self._changing_output):
            if number == 0:
                output = self._all[i].fuse_output(context[i], output)
            else:
                output = self._all[i].step_output(context[i], words, output)
        return output

    def penalised_attention(
        self, context: DecoderContext, words: tf.Tensor, hidden: tf.Tensor
    ) -> Penalised:
        """Returns the attention weights of each conditioning that has an `attention_penalty`."""
        weights, inputs = [], words
        penalised = [i for i, c in enumerate(self._all) if c.config.attention_penalty]
        for i in range(max(penalised, default=-1) + 1):
            conditioning = self._all[i]
            if i in penalised:
                own_weights = conditioning.attention_weights(context[i], inputs, hidden)
                weights += [(conditioning.config, x) for x in own_weights]
            # The state of each token is not known here, so an input that depends on it is left out.
            if conditioning.changes_input and not conditioning.reads_state:
                inputs = conditioning.step_input(context[i], inputs, ())
            if conditioning.changes_output:
                hidden = conditioning.step_output(context[i], words, hidden)
        return weights
