"""The exponential moving average of the weights that a phase trains.

Validations read the average, and a checkpoint holds it in the place of the weights, so that every
reader of the run gets it; the raw weights, from which training goes on, are stored beside it.
"""

import contextlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from semreg_tf.models.annotator import Annotator
from semreg_tf.training import checkpoints
from semreg_tf.training.optimizers import ParameterGroup
from semreg_tf.training.phase import Phase

_UPDATES = "average/updates"


class WeightAverage:
    """a_n = a_(n-1) + (1 - d) / (1 - d^n) (w_n - a_(n-1)), after the n-th update.

    That is the mean of w_1 ... w_n with weights d^(n - i): the bias to the first weights is
    corrected, as in Adam. Keras's average (`use_ema`) keeps w_1 with the weight d^(n - 1).

    Args:
      variables: the trained variables, by their names in a checkpoint.
      decay: d, below 1.

    Example:
      >>> average = WeightAverage({"head/000/kernel": kernel}, decay=0.99)
    """

    def __init__(self, variables: Mapping[str, keras.Variable], decay: float) -> None:
        self._variables, self._decay = dict(variables), decay
        self._averages = {
            name: keras.Variable(tf.convert_to_tensor(v.value), trainable=False, name="average")
            for name, v in self._variables.items()
        }
        self._updates = keras.Variable(0, trainable=False, dtype="int32", name="updates")

    def update(self) -> None:
        """Adds the present weights; every replica updates its own copy of the average."""
        updates = self._updates.value
        count = tf.cast(tf.convert_to_tensor(updates) + 1, tf.float32)
        rate = (self._decay - 1) / tf.math.expm1(count * math.log(self._decay))
        for name, variable in self._variables.items():
            average = self._averages[name].value
            change = tf.convert_to_tensor(variable.value) - tf.convert_to_tensor(average)
            tf.raw_ops.AssignAddVariableOp(resource=average.handle, value=rate * change)
        tf.raw_ops.AssignAddVariableOp(resource=updates.handle, value=tf.ones((), tf.int32))

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Gives the models the average for a while, and then the raw weights again."""
        raw = {name: np.array(v) for name, v in self._variables.items()}
        try:
            for name, variable in self._variables.items():
                variable.assign(self._averages[name])
            yield
        finally:
            for name, variable in self._variables.items():
                variable.assign(raw[name])

    def stored(self) -> dict[str, keras.Variable]:
        """Returns the variables for checkpoints: the average under the weights' names."""
        raw = {checkpoints.RAW + name: v for name, v in self._variables.items()}
        return {**self._averages, **raw, _UPDATES: self._updates}

    def restore(self, checkpoint: Path) -> None:
        """Restores the average from a checkpoint of the same phase."""
        checkpoints.restore(checkpoint, {**self._averages, _UPDATES: self._updates})

    def freeze_others(self, annotator: Annotator, checkpoint: Path) -> None:
        """Gives the weights that only the phase before has trained their average, for good.

        Args:
          annotator: the models.
          checkpoint: the last one of the phase before, which holds the averages and raw weights.
        """
        raw = set(checkpoints.stored_names(checkpoint))
        named = annotator.all_variables().items()
        others = {n: v for n, v in named if n not in self._variables and checkpoints.RAW + n in raw}
        checkpoints.restore(checkpoint, others)


def build_average(
    annotator: Annotator, phase: Phase, groups: list[ParameterGroup]
) -> WeightAverage | None:
    """Returns the average of what a phase moves, or None if `average_decay` is 0.

    Args:
      annotator: the models.
      phase: the phase, which may move statistics of batch normalisation too.
      groups: its parameter groups.
    """
    decay = phase.section.average_decay
    if not decay:
        return None
    moved = [v for group in groups for v in group.variables]
    ids = {id(v) for v in (*moved, *phase.loss.moved_statistics(annotator))}
    named = annotator.all_variables().items()
    return WeightAverage({name: v for name, v in named if id(v) in ids}, decay)
