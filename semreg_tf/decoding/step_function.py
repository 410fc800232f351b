"""The interface between a search and a model.

A step function maps the last token of every row to the logits of the next token::

    step_fn(token_ids, state, context) -> (logits, new_state)

- `token_ids`: (rows,) int32; `start_id` at the first step, output ids afterwards.
- `state`: changes from step to step; a nested structure of tensors (rows, ...).
- `context`: constant for an image; a nested structure of tensors (rows, ...), or ().
- `logits`: (rows, vocab_size), unnormalised, any float type. END has a column; START and PAD need
  none.

The logits of a row depend on that row only.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

StepFunction = Callable[[tf.Tensor, Any, Any], tuple[tf.Tensor, Any]]


def check_integer(name: str, value: int, minimum: int) -> None:
    """Refuses a search argument that is not an integer of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < minimum:
        raise ValueError(
            f"`{name}` must be an integer of at least {minimum}. Received: {name}={value!r}"
        )


def as_tensors(structure: Any) -> Any:
    """Converts every leaf of a nested structure to a tensor."""
    return tf.nest.map_structure(tf.convert_to_tensor, structure)


def batch_size(state: Any, context: Any) -> tf.Tensor:
    """Returns the number of images of nested tensors (batch, ...), a scalar int32.

    Raises:
      ValueError: there is no tensor, one is a scalar, or the batch sizes differ.
    """
    leaves = [*tf.nest.flatten(state), *tf.nest.flatten(context)]
    if not leaves:
        raise ValueError(
            "`initial_state` or `context` must hold at least one tensor, whose first dimension "
            f"is the batch. Received: initial_state={state!r}, context={context!r}"
        )
    shapes = [leaf.shape for leaf in leaves]
    sizes = {shape[0] for shape in shapes if shape.rank} - {None}
    if len(sizes) > 1 or any(shape.rank == 0 for shape in shapes):
        raise ValueError(
            "`initial_state` and `context` must hold tensors with the same first dimension, the "
            f"batch. Received: shapes={[str(shape) for shape in shapes]}"
        )
    return tf.shape(leaves[0])[0]


def call_step(
    step_fn: StepFunction, token_ids: tf.Tensor, state: Any, context: Any, end_id: int
) -> tuple[tf.Tensor, Any]:
    """Calls the step function and checks its results.

    Args:
      step_fn: see the docstring of this module.
      token_ids: (rows,) int32.
      state: nested structure of tensors (rows, ...).
      context: nested structure of tensors (rows, ...).
      end_id: id of END among the outputs.

    Returns:
      logits: (rows, vocab_size), cast to float32.
      new_state: in the structure of `state`; `step_fn` may return lists in place of tuples.

    Raises:
      ValueError: the logits or the new state break the contract.
    """
    logits, new_state = step_fn(token_ids, state, context)
    logits = tf.convert_to_tensor(logits)
    if logits.shape.rank != 2 or logits.shape[-1] is None:
        raise ValueError(
            "`step_fn` must return logits (rows, vocab_size) whose last dimension is known when "
            f"the graph is built. Received: logits.shape={logits.shape}"
        )
    if end_id >= logits.shape[-1]:
        raise ValueError(
            "`end_id` must be one of the outputs, below the vocab_size "
            f"{logits.shape[-1]} of the logits. Received: end_id={end_id}"
        )
    try:
        tf.nest.assert_same_structure(state, new_state, check_types=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`step_fn` must return a state in the structure of its argument, {state!r}. "
            f"Received: new_state={new_state!r}"
        ) from error
    new_state = tf.nest.pack_sequence_as(state, tf.nest.flatten(new_state))
    return tf.cast(logits, tf.float32), new_state


def without_emitted(logits: tf.Tensor, emitted_ids: tf.Tensor) -> tf.Tensor:
    """Returns logits that are minus infinity for tokens that were emitted before.

    Args:
      logits: (rows, vocab_size) float32.
      emitted_ids: (rows, any) int32, padded with -1, without END.
    """
    rows = tf.broadcast_to(tf.range(tf.shape(logits)[0])[:, None], tf.shape(emitted_ids))
    indices = tf.stack([rows, tf.maximum(emitted_ids, 0)], axis=2)
    # Not tensor_scatter_nd_min, which LiteRT has no operation for.
    times = tf.scatter_nd(indices, tf.cast(emitted_ids >= 0, tf.float32), tf.shape(logits))
    return tf.where(times > 0, float("-inf"), logits)


def gather_rows(structure: Any, rows: tf.Tensor) -> Any:
    """Gathers rows of every tensor: (rows, ...) becomes (size of `rows`, ...)."""
    rows = tf.reshape(rows, [-1])
    return tf.nest.map_structure(lambda tensor: tf.gather(tensor, rows), structure)


def any_batch(structure: Any) -> Any:
    """Returns the shape of every tensor with an open first dimension, for `tf.while_loop`."""
    return tf.nest.map_structure(
        lambda tensor: tf.TensorShape([None]).concatenate(tensor.shape[1:]), structure
    )
