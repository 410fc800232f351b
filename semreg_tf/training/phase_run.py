"""Execution of a phase: optimisers, compiled step, batches, validations, progress bar."""

import contextlib
import dataclasses
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from semreg_tf.config import Config
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, num_examples, training_batches
from semreg_tf.models.annotator import Annotator
from semreg_tf.training import checkpoints
from semreg_tf.training.distribution import Distribution
from semreg_tf.training.loss_scale import LossScale
from semreg_tf.training.monitor import Monitor
from semreg_tf.training.optimizers import ParameterGroup, build_groups
from semreg_tf.training.phase import Phase
from semreg_tf.training.stage_data import StageData
from semreg_tf.training.step_profiler import StepProfiler
from semreg_tf.training.train_step import build_train_step, pad_time
from semreg_tf.training.validator import Validator
from semreg_tf.training.weight_average import build_average

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class StageParts:
    """The objects that all phases of a stage share."""

    config: Config
    annotator: Annotator
    data: StageData
    path: Path
    distribution: Distribution
    loss_scale: LossScale | None
    profiler: StepProfiler


class PhaseRun:
    """Runs steps and validations of a phase; the trainer decides which.

    Attributes:
      monitor: the progress bar and TensorBoard's log.

    Args:
      parts: the objects that the stage's phases share.
      phase: the phase.
      title: title of the progress bar.
      first_step: the stage's step at which the phase began.
      step: the stage's step at which it continues; if that is above `first_step`, the optimisers
        are restored from the last checkpoint.
    """

    def __init__(
        self, parts: StageParts, phase: Phase, title: str, first_step: int, step: int
    ) -> None:
        config, annotator, data = parts.config, parts.annotator, parts.data
        path, distribution = parts.path, parts.distribution
        phase = dataclasses.replace(phase, loss=phase.loss.on(data.train))
        self._config, self._phase, self._distribution = config, phase, distribution
        self._profiler = parts.profiler
        with distribution.scope():
            self._groups = build_groups(annotator, phase)
            self._average = build_average(annotator, phase, self._groups)
        logger.info("Phase %r trains %s", phase.name, _describe(self._groups))
        if step > first_step:
            last = checkpoints.list_checkpoints(path)[-1]
            for group in self._groups:
                checkpoints.restore_optimizer(last, group.name, group.optimizer)
            if self._average is not None:
                self._average.restore(last)
        elif step and self._average is not None:
            # The chief has written the checkpoint when the other workers read it.
            with distribution.chief_first():
                last = checkpoints.list_checkpoints(path)[-1]
            self._average.freeze_others(annotator, last)
        self._train_step = build_train_step(
            annotator,
            phase,
            self._groups,
            config.jit_compile,
            distribution,
            parts.loss_scale,
            self._average,
        )
        with distribution.chief_first():
            inputs = data.training_inputs(annotator, phase)
        self._batches = self._open_batches(inputs, data.label_inputs(phase), step)
        chief = distribution.is_chief
        self.monitor = Monitor(
            path if chief else None,
            title,
            step,
            first_step + phase.steps,
            phase.section.batch_size,
            "pairs" if inputs.pairs else "images",
        )
        self._validator = Validator(annotator, data, path) if chief else None

    def stored(self, weights: dict[str, Any]) -> dict[str, Any]:
        """Returns the variables of a checkpoint by name.

        Args:
          weights: the models' variables, which their average replaces if there is one.
        """
        variables = dict(weights)
        for group in self._groups:
            variables.update(checkpoints.optimizer_variables(group.name, group.optimizer))
        return variables if self._average is None else {**variables, **self._average.stored()}

    def take_step(self, step: int) -> tuple[dict[str, float], tf.Tensor]:
        """Runs one step of the stage; returns its scalars and the image ids of its batch."""
        self._profiler.before_step(step)
        before = time.perf_counter()
        tensors = dict(next(self._batches))
        self._waited_secs = time.perf_counter() - before
        image_ids = tensors[batch.IMAGE_ID]
        if self._phase.loss.reward is None:
            # XLA and the collection of gradients accept no strings.
            del tensors[batch.IMAGE_ID]
        with tf.profiler.experimental.Trace("train", step_num=step, _r=1):
            scalars = self._train_step(tensors, tf.constant([self._config.seed, step], tf.int32))
            logs = {k: float(v) for k, v in scalars.items()}
        return logs, image_ids

    def show(self, step: int, logs: dict[str, float]) -> None:
        """Shows the scalars of a step."""
        self.monitor.step(step, logs, self._waited_secs)

    def validate(self, step: int, elapsed_secs: float, loss: float) -> tuple[str, float]:
        """Validates the model or its average; returns the metric's name and the chief's value."""
        value = 0.0
        average = contextlib.nullcontext() if self._average is None else self._average.in_use()
        with average:
            if self._validator is not None:
                figures = step, elapsed_secs, loss, self.monitor
                _, value = self._validator.validate(self._phase, *figures)
        return self._phase.metric_name, self._distribution.from_chief(value)

    def close(self, step: int) -> None:
        """Closes the profiler, the progress bar and the log."""
        self._profiler.stop()
        self.monitor.close(step)

    def _open_batches(
        self, inputs: Inputs, labels: Inputs | None, step: int
    ) -> Iterator[dict[str, tf.Tensor]]:
        size = self._phase.section.batch_size
        examples = num_examples(inputs)
        self._distribution.check_batch(min(size, examples))

        def share(num_shards: int, index: int) -> tf.data.Dataset:
            def batches_of(inputs: Inputs) -> tf.data.Dataset:
                batches = training_batches(inputs, size, self._config.seed, step, num_shards, index)
                return batches.map(pad_time) if self._config.jit_compile else batches

            if labels is None:
                return batches_of(inputs)
            # With the same seed, both have the same images in the same order.
            return tf.data.Dataset.zip(batches_of(inputs), batches_of(labels)).map(_with_labels)

        return self._distribution.batches(share)


def _with_labels(
    tensors: dict[str, tf.Tensor], labels: dict[str, tf.Tensor]
) -> dict[str, tf.Tensor]:
    return {**tensors, **{f"{batch.LABEL_PREFIX}{key}": x for key, x in labels.items()}}


def _describe(groups: list[ParameterGroup]) -> str:
    parts = [
        f"{g.name} ({sum(int(np.prod(v.shape)) for v in g.variables):,} parameters)" for g in groups
    ]
    return ", ".join(parts) or "nothing"
