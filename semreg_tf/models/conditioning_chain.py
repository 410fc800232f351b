"""Several conditionings in a row, each reading what the one before it returned."""

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
# Attention weights, (rows, attended), each with its conditioning's fields.
Penalised = list[tuple[ConditioningConfig, tf.Tensor]]


class ConditioningChain:
    """The hooks of several conditionings as those of one.

    Args:
      conditionings: in order.

    Raises:
      ValueError: several set the first state.
    """

    def __init__(self, conditionings: Sequence[Conditioning]) -> None:
        self._all = conditionings
        setting = [c.name for c in conditionings if c.sets_state]
        if len(setting) > 1:
            raise ValueError(
                "`conditionings` may hold only one that sets the cell's first state, for no other "
                f"would be read: keep one of them. Received: conditionings={setting}"
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
          ValueError: the cell cannot read inputs so wide.
        """
        size = word_size
        for conditioning in self._all:
            size = conditioning.input_size(size, encoder_shapes)
        if cell.input_is_added and size != cell.units:
            raise ValueError(
                f"`conditionings` must leave the step's input {cell.units} wide for "
                f"cell={cell.name!r}, which adds it to its state. Received: a width of {size} "
                f"after conditionings={[c.name for c in self._all]}"
            )
        return size

    def build(self, encoder_shapes: EncoderShapes, word_size: int, cell: Cell) -> int:
        """Creates the weights of all; returns the width of what the output layer sees."""
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
        """Returns the cell's first state, or None where nothing sets it."""
        for conditioning, own in zip(self._all, context, strict=True):
            if conditioning.sets_state:
                return conditioning.initial_state(own, cell, drop_input)
        return None

    def first_memories(self, context: DecoderContext) -> State:
        """Returns the memories of the conditionings that remember, each (rows, m)."""
        return tuple(self._all[i].first_memory(context[i]) for i in self._remembering)

    def remember(self, context: DecoderContext, state: State, token_ids: tf.Tensor) -> State:
        """Returns a decoder's state whose memories, its last tensors, know one word more."""
        cell, memories = self.parted(state)
        numbered = zip(self._remembering, memories, strict=True)
        new = [self._all[i].remember(context[i], memory, token_ids) for i, memory in numbered]
        return (*cell, *new)

    def parted(self, state: State) -> tuple[State, State]:
        """Returns the cell's part of a decoder's state, and the memories."""
        place = len(state) - len(self._remembering)
        return state[:place], state[place:]

    def step_input(self, context: DecoderContext, words: tf.Tensor, state: State) -> tf.Tensor:
        """Returns the cell's input at one step, (rows, d), from the words (rows, e)."""
        cell, memories = self.parted(state) if state else ((), ())
        own_memory = dict(zip(self._remembering, memories, strict=False))
        for i, (conditioning, own) in enumerate(zip(self._all, context, strict=True)):
            memory = (own_memory[i],) if i in own_memory else ()
            words = conditioning.step_input(own, words, (*cell, *memory))
        return words

    def cell_input(
        self,
        cell: Cell,
        context: DecoderContext,
        words: tf.Tensor,
        state: State,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns what the cell's step reads of the words, (rows, p).

        `mask`, (rows, d), multiplies the cell's inputs.
        """
        inputs = self.step_input(context, words, state)
        return cell.project_input(inputs if mask is None else inputs * mask)

    def move(self, cell: Cell, projected: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Moves the cell by one word: its output (rows, units) and the decoder's new state."""
        own, memories = self.parted(state)
        hidden, own = cell.step(projected, own)
        return hidden, (*own, *memories)

    def unroll(
        self,
        cell: Cell,
        context: DecoderContext,
        input_ids: tf.Tensor,
        words: tf.Tensor,
        state: State,
        masks: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Runs the step that search calls over time, where an input depends on the state.

        Args:
          cell: the decoder's.
          context: of `prepare`, of these rows.
          input_ids: (rows, time) int32.
          words: (rows, time, e).
          state: the decoder's first state.
          masks: (time, rows, d), which multiply the cell's inputs, or None.

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
        """Returns the cell's inputs, (rows, time, d), from the words (rows, time, e).

        It is for conditionings none of which reads the state.
        """
        if not self.changes_input:
            return words
        shape = tf.shape(words)
        flat = tf.reshape(words, (-1, words.shape[-1]))
        pairs = zip(self._all, context, strict=True)
        read = tuple(own if c.changes_input else {} for c, own in pairs)
        repeated = tf.nest.map_structure(lambda x: tf.repeat(x, shape[1], axis=0), read)
        flat = self.step_input(repeated, flat, ())
        return tf.reshape(flat, (shape[0], shape[1], flat.shape[-1]))

    def output_context(
        self, context: DecoderContext, change: Callable[[tf.Tensor], tf.Tensor]
    ) -> DecoderContext:
        """Returns the context's tensors changed, without what the output does not read.

        Args:
          context: of `prepare`.
          change: to other rows; a map's cells would be large there.
        """
        pairs = zip(self._all, context, strict=True)
        read = tuple(own if c.changes_output else {} for c, own in pairs)
        return tf.nest.map_structure(change, read)

    def project_output(self, words: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
        """Returns the part of the output that no image changes, (rows, p), for `fuse_output`."""
        if not self._changing_output:
            return hidden
        return self._all[self._changing_output[0]].project_output(words, hidden)

    def fuse_output(
        self, context: DecoderContext, words: tf.Tensor, projected: tf.Tensor
    ) -> tf.Tensor:
        """Returns what the output layer sees, (rows, d), from `project_output` (rows, p)."""
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
        """Returns the weights, (rows, attended), of each conditioning whose attention is penalised.

        Args:
          context: of `prepare`, of these rows.
          words: (rows, e).
          hidden: the cell's outputs, (rows, u).
        """
        found, inputs = [], words
        penalised = [i for i, c in enumerate(self._all) if c.config.attention_penalty]
        for i in range(max(penalised, default=-1) + 1):
            conditioning, own = self._all[i], context[i]
            if i in penalised:
                weights = conditioning.attention_weights(own, inputs, hidden)
                found += [(conditioning.config, x) for x in weights]
            # What reads the state widens the word, and stands before none that has weights here.
            if conditioning.changes_input and not conditioning.reads_state:
                inputs = conditioning.step_input(own, inputs, ())
            if conditioning.changes_output:
                hidden = conditioning.step_output(own, words, hidden)
        return found
