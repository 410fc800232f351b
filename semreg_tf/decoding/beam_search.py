"""Beam search over a batch, inside the graph."""

import dataclasses
from typing import Any

import tensorflow as tf

from semreg_tf.decoding.beam_expansion import (
    BeamExpansion,
    BeamResults,
    BeamRules,
    Completed,
    Live,
)
from semreg_tf.decoding.step_function import (
    StepFunction,
    any_batch,
    as_tensors,
    batch_size,
    gather_rows,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BeamSearch(BeamRules):
    """Searches for the most probable sequences, as the paper does for captions (beam width 3).

    The paper only states the width. The rest follows im2txt, except (ours) for the stopping rule,
    that END takes no place among a hypothesis's extensions, and that the length excludes START:

    - A step extends every live hypothesis by its most probable tokens. END completes a
      hypothesis if it is among its `beam_width` most probable tokens. The `beam_width` best of all
      other extensions stay live.
    - An image is done when no live hypothesis can beat the worst of its completed ones, or after
      `max_steps` steps.
    - Hypotheses without END are returned only for images with no completed hypothesis.
    - Ties go to the hypothesis that was completed earlier, then to the parent of better rank, then
      to the lower id.

    The score is `log_probability / length ** length_normalisation`, where the length counts END.
    Log-probabilities never increase, so `log_probability / max_steps ** length_normalisation` is an
    upper bound of a live hypothesis's final score. Therefore stopping does not change the results,
    and fewer results are the first ones of more results. Without length normalisation, width 1
    equals greedy search.

    Attributes:
      drop_finished: whether finished images leave the loop, which is faster where lengths differ
        and gives the same results; the batch size then changes, which XLA cannot compile.
      jit_compile: whether the search is compiled by XLA.
      Further attributes are those of `BeamRules`.

    Raises:
      ValueError: a setting is out of range, or `drop_finished` and `jit_compile` are both set.

    Example:
      >>> search = BeamSearch(start_id=3, end_id=0, max_steps=2)
      >>> step_fn = lambda token_ids, state, context: (context, state)
      >>> results = search(step_fn, (), tf.math.log([[0.1, 0.6, 0.3]]))
      >>> results.token_ids[0].numpy()
      array([[-1, -1],
             [ 1, -1],
             [ 2, -1]], dtype=int32)
    """

    drop_finished: bool = False
    jit_compile: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.drop_finished and self.jit_compile:
            raise ValueError(
                "`drop_finished` changes the batch size inside the loop, which XLA cannot compile; "
                "choose one of the two. Received: drop_finished=True, jit_compile=True"
            )

    def __call__(self, step_fn: StepFunction, initial_state: Any, context: Any) -> BeamResults:
        """Searches a batch. Call it inside a `tf.function`, so that it is traced only once.

        Args:
          step_fn: the model, see `semreg_tf.decoding.step_function`. It is traced twice, for one
            row per image (the first step) and for `beam_width` rows per image.
          initial_state: nested structure of tensors (batch, ...), gathered with the hypotheses.
          context: nested structure of tensors (batch, ...), or (); repeated for the hypotheses of
            an image.

        Raises:
          ValueError: `step_fn` breaks its contract.
        """
        expansion = BeamExpansion(step_fn, self)
        search = _search_dropping if self.drop_finished else _search

        def run(state: Any, context: Any) -> BeamResults:
            return search(expansion, state, context)

        if self.jit_compile:
            run = tf.function(run, jit_compile=True)
        return run(as_tensors(initial_state), as_tensors(context))


def _first_step(
    expansion: BeamExpansion, state: Any, context: Any
) -> tuple[Live, Completed, Any, Any]:
    """Expands START with one row per image, then repeats state and context over the beam."""
    live, completed = expansion.start(batch_size(state, context))
    live, completed, rows, state = expansion.expand(tf.constant(0), live, completed, state, context)
    return live, completed, gather_rows(state, rows), gather_rows(context, rows)


def _search(expansion: BeamExpansion, state: Any, context: Any) -> BeamResults:
    """Expands all images until the last one is done."""
    live, completed, state, context = _first_step(expansion, state, context)

    def body(step: tf.Tensor, live: Live, completed: Completed, state: Any) -> tuple:
        live, completed, rows, state = expansion.expand(step, live, completed, state, context)
        return step + 1, live, completed, gather_rows(state, rows)

    loop_vars = (tf.constant(1), live, completed, state)
    _, live, completed, _ = tf.while_loop(
        lambda step, live, completed, state: tf.reduce_any(expansion.can_improve(live, completed)),
        body,
        loop_vars,
        shape_invariants=(tf.TensorShape([]), *any_batch(loop_vars[1:])),
        maximum_iterations=expansion.rules.max_steps - 1,
    )
    return expansion.results(live, completed)


def _search_dropping(expansion: BeamExpansion, state: Any, context: Any) -> BeamResults:
    """Searches as `_search`, but only expands the images that are not done."""
    live, completed, state, context = _first_step(expansion, state, context)
    results = expansion.results(live, completed)
    images = tf.range(tf.shape(live.last_ids)[0])

    def body(step: tf.Tensor, results: BeamResults, searched: tuple) -> tuple:
        images, live, completed, state, context = searched
        live, completed, rows, state = expansion.expand(step, live, completed, state, context)
        running = expansion.can_improve(live, completed)

        def drop() -> tuple:
            written = _write(results, images, expansion.results(live, completed))
            remaining = gather_rows((images, live, completed, rows), tf.where(running))
            return written, *remaining, gather_rows(context, remaining[-1])

        results, images, live, completed, rows, context = tf.cond(
            tf.reduce_all(running),
            lambda: (results, images, live, completed, rows, context),
            drop,
        )
        return step + 1, results, (images, live, completed, gather_rows(state, rows), context)

    loop_vars = (tf.constant(1), results, (images, live, completed, state, context))
    _, results, (images, live, completed, _, _) = tf.while_loop(
        lambda step, results, searched: tf.size(searched[0]) > 0,
        body,
        loop_vars,
        shape_invariants=(tf.TensorShape([]), *any_batch(loop_vars[1:])),
        maximum_iterations=expansion.rules.max_steps - 1,
    )
    return _write(results, images, expansion.results(live, completed))


def _write(results: BeamResults, images: tf.Tensor, new: BeamResults) -> BeamResults:
    """Returns `results` with those of some images replaced by `new`."""
    return BeamResults(
        *(
            tf.tensor_scatter_nd_update(old, images[:, None], update)
            for old, update in zip(results, new, strict=True)
        )
    )
