"""The loop behind the three binaries: resumable at any step, atomic, watched."""

import logging
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from semreg_tf.config import Config
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, evaluation_batches, training_batches
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.models.annotator import Annotator
from semreg_tf.training import checkpoints, history, transfer, workdir
from semreg_tf.training.distribution import Distribution
from semreg_tf.training.features import set_feature_statistics
from semreg_tf.training.initial_bias import set_log_odds
from semreg_tf.training.loss_scale import LossScale
from semreg_tf.training.monitor import Monitor
from semreg_tf.training.optimizers import ParameterGroup, build_groups
from semreg_tf.training.precision import made_in
from semreg_tf.training.stage_data import StageData, with_user_tags_there
from semreg_tf.training.stages import Phase, phases, stage_config
from semreg_tf.training.step_profiler import StepProfiler
from semreg_tf.training.train_step import TrainStep, build_train_step, pad_time
from semreg_tf.training.validator import Validator
from semreg_tf.training.warm_start import warm_start

logger = logging.getLogger(__name__)
# Batches whose features give mean and deviation where the CNN trains.
STATISTICS_BATCHES = 50


class NonFiniteLossError(RuntimeError):
    """A loss that is not finite; the message names the step and the batch's images."""


class Trainer:
    """Trains one stage of an experiment in a work directory.

    Args:
      config: the experiment.
      stage: "unary", "relational" or "joint".
      data_dir: the folder of prepared data sets.
      path: the run's work directory; one that holds this run is resumed.
      unary: work directory of the unary stage to start from, or None; the relational stage has
        use for one only where it reads the features of that CNN.
      relational: work directory of the relational stage to start from, or None.
      init_from: work directory of any run whose encoder and matching names are taken first.
      distribution: the devices and workers that share a step; None: this process's first device.
      profile: steps (first, last) of which TensorBoard gets a trace, or None.

    Raises:
      ValueError: data, work directory or warm start do not fit the experiment.

    Example:
      >>> Trainer(get("demo_tags/s_cnn_rnn"), "unary", "data", "runs/unary").train()
    """

    def __init__(
        self,
        config: Config,
        stage: str,
        data_dir: str | Path,
        path: str | Path,
        unary: str | Path | None = None,
        relational: str | Path | None = None,
        init_from: str | Path | None = None,
        distribution: Distribution | None = None,
        profile: tuple[int, int] | None = None,
    ) -> None:
        self.distribution = distribution or Distribution()
        self.distribution.check_xla(config.jit_compile)
        keras.utils.set_random_seed(config.seed)
        if config.deterministic:
            tf.config.experimental.enable_op_determinism()
        builder = find_builder(data_dir, config.data.dataset)
        vocabularies = Vocabularies.from_dataset(builder.data_dir, config.data)
        if stage == "relational" and unary is not None and not config.pretrains_on_features:
            raise ValueError(
                "`unary` must be None for a relational stage that is fed the true concepts: no "
                f"CNN takes part. Received: unary={str(unary)!r}"
            )
        config = with_user_tags_there(config, vocabularies)
        self.config, self.stage = config, stage
        self.section = stage_config(config, stage)
        self.data = StageData(config, stage, builder, vocabularies)
        self.vocabularies = vocabularies
        taken = {}
        with self.distribution.scope():
            with made_in(config.precision):
                sizes = len(vocabularies.concepts), vocabularies.output.size
                # Fed the true concepts, a stage runs no CNN; a unary run brings a CNN of its own.
                first = unary is None and (stage != "relational" or config.pretrains_on_features)
                self.annotator = Annotator(config, *sizes, load_first_weights=first)
            half = config.precision == "mixed_float16"
            self.loss_scale = LossScale() if half else None
            if config.concepts.initial_bias == "log_odds":
                set_log_odds(self.annotator, self.data.train)
            if init_from is not None:
                taken = transfer.init_from(self.annotator, vocabularies, init_from)
            sources = warm_start(self.annotator, vocabularies, unary, relational)
        self.sources = {**sources, **{f"init_from: {k}": v for k, v in taken.items()}}
        self.path = Path(path)
        self._profiler = StepProfiler(profile, self.path / "logs")
        if self.distribution.is_chief:
            workdir.open_workdir(path, config, vocabularies, stage)
        self.phases = phases(config, stage)
        self._brings_statistics = unary is not None or transfer.STANDARDISE in taken
        self._stopping = self._in_loop = False

    @property
    def last_step(self) -> int:
        """Steps of all phases."""
        return self.phases[-1].last_step if self.phases else 0

    def train(self) -> dict[str, Any]:
        """Runs or resumes the stage.

        Returns:
          What `train_results.json` holds: the stage, its steps, the best metric.

        Raises:
          NonFiniteLossError: the loss is not finite; the last good checkpoint stays.
          LostWorkerError: another worker is gone.
          OSError: the work directory cannot be written.
        """
        earlier = signal.signal(signal.SIGTERM, self._stop)
        try:
            with self.distribution.one_line_errors():
                step, state = self._resume()
                for phase in self.phases:
                    if step < phase.last_step and not self._stopping:
                        step, state = self._run_phase(phase, step, state)
        finally:
            signal.signal(signal.SIGTERM, earlier)
        if self._stopping:
            logger.warning("Stopped at step %d; the same command goes on from there.", step)
            raise SystemExit(143)
        best = checkpoints.read_best(self.path) or {}
        results = {"stage": self.stage, "steps": step, "best": best, "weights_from": self.sources}
        if self.distribution.is_chief:
            workdir.write_json(self.path / "train_results.json", results)
        return results

    def _stop(self, *_: object) -> None:
        self._stopping = True
        if not self._in_loop:
            # Nothing but caches is being written, and those go on where they stopped.
            raise SystemExit(143)

    def _resume(self) -> tuple[int, dict[str, Any]]:
        found = checkpoints.list_checkpoints(self.path)
        state = checkpoints.read_state(found[-1]) if found else {"step": 0}
        step = int(self.distribution.from_chief(state["step"]))
        if step != state["step"]:
            raise ValueError(
                f"`workdir` must be one folder that all workers see: the chief resumes at step "
                f"{step}, this worker at {state['step']}. Received: workdir={str(self.path)!r}"
            )
        if not found:
            self._standardise()
            return 0, {"elapsed_secs": 0.0, "best_value": None, "without_rise": 0}
        logger.info("Resuming at step %d from %s", step, found[-1])
        checkpoints.restore(found[-1], self._variables([]))
        if self.distribution.is_chief:
            history.rewind(self.path, step)
            checkpoints.repair_best(self.path, found[-1])
        return step, {k: state[k] for k in ("elapsed_secs", "best_value", "without_rise")}

    def _standardise(self) -> None:
        """Sets the features' statistics, unless a unary run brought its own."""
        reads_none = self.stage == "relational" and not self.config.pretrains_on_features
        if not self.config.encoder.standardise or self._brings_statistics or reads_none:
            return
        if self.config.encoder.trainable and not self.config.pretrains_on_features:
            inputs = self.data.inputs(self.annotator, self.data.train, (batch.IMAGE,))
            images = evaluation_batches(inputs, self.section.batch_size).take(STATISTICS_BATCHES)
            encoder = self.annotator.encoder
            made: Iterable = (encoder(x, training=False)["features"] for x in images)
        else:
            made = [self._cached_inputs(self.data.train, (batch.FEATURES,)).features[:, 0]]
        set_feature_statistics(self.annotator, made)

    def _cached_inputs(self, *arguments: Any) -> Inputs:
        """Returns `StageData.inputs`, features computed by the chief and read by the others."""
        with self.distribution.chief_first():
            return self.data.inputs(self.annotator, *arguments)

    def _run_phase(self, phase: Phase, step: int, state: dict[str, Any]) -> tuple[int, dict]:
        with self.distribution.scope():
            steps = phase.last_step - phase.first_step
            groups = build_groups(self.annotator, phase.groups, self.section, steps)
        logger.info("Phase %r trains %s", phase.name, _describe(groups))
        if step > phase.first_step:
            last = checkpoints.list_checkpoints(self.path)[-1]
            for group in groups:
                checkpoints.restore_optimizer(last, group.name, group.optimizer)
        train_step = build_train_step(
            self.annotator,
            phase,
            self.section,
            groups,
            self.config.jit_compile,
            self.distribution,
            self.loss_scale,
        )
        inputs = self._cached_inputs(self.data.train, phase.keys, self.config.image.cached_views)
        batches = self._batches(inputs, step)
        name = phase.name if phase.name == self.stage else f"{self.stage}, {phase.name}"
        unit = "pairs" if inputs.pairs else "images"
        chief = self.distribution.is_chief
        size = self.section.batch_size
        monitor = Monitor(self.path if chief else None, name, step, phase.last_step, size, unit)
        validator = None
        if chief:
            validator = Validator(self.config, self.stage, self.annotator, self.data, self.path)
        started = time.perf_counter() - state["elapsed_secs"]
        self._in_loop = True
        try:
            while step < phase.last_step and not self._stopping:
                logs = self._take_step(train_step, batches, step, monitor)
                step += 1
                self._stopping = self.distribution.any_worker(self._stopping)
                state["elapsed_secs"] = time.perf_counter() - started
                every = self.section.validate_every_steps
                due = step == phase.last_step or (every and step % every == 0)
                metric = (
                    self._validate(validator, phase, step, state, logs, monitor) if due else None
                )
                if due or step % self.section.checkpoint_every_steps == 0 or self._stopping:
                    self._save(step, state, groups, metric)
                    monitor.restart_clock()
                    started = time.perf_counter() - state["elapsed_secs"]
                if self.section.patience and state["without_rise"] >= self.section.patience:
                    monitor.say(f"No rise in {self.section.patience} validations: done.")
                    return self.last_step, state
        finally:
            self._in_loop = False
            self._profiler.stop()
            monitor.close(step)
        return step, state

    def _batches(self, inputs: Inputs, step: int) -> Iterator[dict[str, tf.Tensor]]:
        size = self.section.batch_size
        examples = inputs.split.num_sequences if inputs.pairs else inputs.split.num_images
        self.distribution.check_batch(min(size, examples))

        def share(num_shards: int, index: int) -> tf.data.Dataset:
            seed = self.config.seed
            made = training_batches(inputs, size, seed, step, num_shards, index)
            return made.map(pad_time) if self.config.jit_compile else made

        return self.distribution.batches(share)

    def _take_step(
        self,
        train_step: TrainStep,
        batches: Iterator[dict[str, tf.Tensor]],
        step: int,
        monitor: Monitor,
    ) -> dict[str, float]:
        self._profiler.before_step(step)
        before = time.perf_counter()
        tensors = dict(next(batches))
        waited = time.perf_counter() - before
        image_ids = tensors.pop(batch.IMAGE_ID)
        with tf.profiler.experimental.Trace("train", step_num=step, _r=1):
            made = train_step(tensors, tf.constant([self.config.seed, step], tf.int32))
            logs = {k: float(v) for k, v in made.items()}
        self._check_finite(step, logs, image_ids)
        monitor.step(step + 1, logs, waited)
        return logs

    def _check_finite(self, step: int, logs: dict[str, float], image_ids: Any) -> None:
        norms = [name for name in logs if name.endswith("gradient_norm")]
        wrong = [] if np.isfinite(logs["loss"]) else ["loss"]
        if logs.get("skipped") and logs["loss_scale"] > 1:
            # The gradients overflowed under their scale, which is halved: no sign of a blow-up.
            for name in norms:
                logs.pop(name)
        else:
            wrong += [name for name in norms if not np.isfinite(logs[name])]
        if wrong:
            ids = self.distribution.local(image_ids).numpy()[:8]
            self._non_finite(
                f"The {wrong[0].replace('_', ' ')} is {logs[wrong[0]]} at step {step} "
                f"(images {', '.join(x.decode() for x in ids)}, ...)"
            )

    def _non_finite(self, what: str) -> None:
        raise NonFiniteLossError(
            f"{what}: lower `learning_rate` or set `clip_norm`. The last good checkpoint is in "
            f"{str(self.path / 'checkpoints')!r}."
        )

    def _validate(
        self,
        validator: Validator | None,
        phase: Phase,
        step: int,
        state: dict[str, Any],
        logs: dict[str, float],
        monitor: Monitor,
    ) -> tuple[str, float]:
        name, value = "", 0.0
        if validator is not None:
            name, value = validator.validate(
                phase, step, state["elapsed_secs"], logs["loss"], monitor
            )
        return name, self.distribution.from_chief(value)

    def _save(
        self,
        step: int,
        state: dict[str, Any],
        groups: list[ParameterGroup],
        metric: tuple[str, float] | None,
    ) -> None:
        rose = metric is not None and (
            state["best_value"] is None or metric[1] > state["best_value"]
        )
        if metric is not None:
            state["without_rise"] = 0 if rose else state["without_rise"] + 1
            state["best_value"] = metric[1] if rose else state["best_value"]
        variables = self._variables(groups)
        if not checkpoints.all_finite(variables):
            self._non_finite(f"Some weights are not finite after step {step - 1}")
        if not self.distribution.is_chief:
            return
        meta = {"stage": self.stage, "metric": metric, "is_best": rose, **state}
        saved = checkpoints.save(self.path, step, variables, meta)
        if rose:
            checkpoints.mark_best(self.path, saved, *metric)
        checkpoints.prune(self.path)

    def _variables(self, groups: list[ParameterGroup]) -> dict[str, Any]:
        scale = {} if self.loss_scale is None else self.loss_scale.variables()
        return {**self.annotator.all_variables(), **scale, **_optimizer_variables(groups)}


def _optimizer_variables(groups: list[ParameterGroup]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for group in groups:
        found.update(checkpoints.optimizer_variables(group.name, group.optimizer))
    return found


def _describe(groups: list[ParameterGroup]) -> str:
    parts = [
        f"{g.name} ({sum(int(np.prod(v.shape)) for v in g.variables):,} parameters)" for g in groups
    ]
    return ", ".join(parts) or "nothing"
