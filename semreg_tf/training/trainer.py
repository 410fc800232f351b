"""The loop behind the three binaries: resumable at any step, atomic, watched."""

import dataclasses
import json
import logging
import signal
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from semreg_tf.config import Config
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import (
    Inputs,
    Split,
    evaluation_batches,
    load_split,
    training_batches,
)
from semreg_tf.data.records import find_builder
from semreg_tf.data.targets import encode_annotations
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.encoder import encoder_spec
from semreg_tf.models.ensemble import Ensemble
from semreg_tf.training import checkpoints, evaluation, transfer, workdir
from semreg_tf.training.features import (
    frozen_features,
    image_size,
    set_feature_statistics,
)
from semreg_tf.training.likelihood import caption_perplexity
from semreg_tf.training.monitor import Monitor, history_line
from semreg_tf.training.optimizers import ParameterGroup, build_groups
from semreg_tf.training.predictions import predict
from semreg_tf.training.stages import Phase, phases, stage_config
from semreg_tf.training.train_step import build_train_step
from semreg_tf.training.warm_start import warm_start

logger = logging.getLogger(__name__)
HISTORY_FILE = "history.jsonl"
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
    ) -> None:
        keras.utils.set_random_seed(config.seed)
        keras.config.set_dtype_policy(config.precision)
        builder = find_builder(data_dir, config.data.dataset)
        vocabularies = Vocabularies.from_dataset(builder.data_dir, config.data)
        if stage == "relational" and unary is not None and not config.pretrains_on_features:
            raise ValueError(
                "`unary` must be None for a relational stage that is fed the true concepts: no "
                f"CNN takes part. Received: unary={str(unary)!r}"
            )
        config = _with_user_tags_there(config, vocabularies)
        self.config, self.stage = config, stage
        self.section = stage_config(config, stage)
        self.train_split = load_split(builder, config.data.train_split, vocabularies, config.data)
        self.validation_split = _head(
            load_split(builder, config.data.validation_split, vocabularies, config.data),
            self.section.validation_images,
            config,
        )
        self.vocabularies = vocabularies
        self.annotator = Annotator(config, len(vocabularies.concepts), vocabularies.output.size)
        taken = {}
        if init_from is not None:
            taken = transfer.init_from(self.annotator, vocabularies, init_from)
        sources = warm_start(self.annotator, vocabularies, unary, relational)
        self.sources = {**sources, **{f"init_from: {k}": v for k, v in taken.items()}}
        self.path = workdir.open_workdir(path, config, vocabularies, stage)
        self.phases = phases(config, stage)
        self._brings_statistics = unary is not None or transfer.STANDARDISE in taken
        self._features_folder = Path(str(builder.data_dir)) / "features"
        self._stopping = False

    @property
    def last_step(self) -> int:
        """Steps of all phases."""
        return self.phases[-1].last_step if self.phases else 0

    def train(self) -> dict[str, Any]:
        """Runs or resumes the stage.

        Returns:
          What `results.json` holds: the stage, its steps, the best metric.

        Raises:
          NonFiniteLossError: the loss is not finite; the last good checkpoint stays.
          OSError: the work directory cannot be written.
        """
        step, state = self._resume()
        earlier = signal.signal(signal.SIGTERM, self._stop)
        try:
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
        workdir.write_json(self.path / "train_results.json", results)
        return results

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _phase_of(self, step: int) -> Phase:
        return next((p for p in self.phases if step < p.last_step), self.phases[-1])

    def _resume(self) -> tuple[int, dict[str, Any]]:
        found = checkpoints.list_checkpoints(self.path)
        if not found:
            self._standardise()
            return 0, {"elapsed_secs": 0.0, "best_value": None, "without_rise": 0}
        state = checkpoints.read_state(found[-1])
        step = state["step"]
        logger.info("Resuming at step %d from %s", step, found[-1])
        checkpoints.restore(found[-1], self.annotator.all_variables())
        return step, {k: state[k] for k in ("elapsed_secs", "best_value", "without_rise")}

    def _standardise(self) -> None:
        """Sets the features' statistics, unless a unary run brought its own."""
        reads_none = self.stage == "relational" and not self.config.pretrains_on_features
        if not self.config.encoder.standardise or self._brings_statistics or reads_none:
            return
        if self.config.encoder.trainable and not self.config.pretrains_on_features:
            inputs = self._inputs(self.train_split, (batch.IMAGE,), 1)
            images = evaluation_batches(inputs, self.section.batch_size).take(STATISTICS_BATCHES)
            encoder = self.annotator.encoder
            made = (encoder(x, training=False)["features"] for x in images)
        else:
            made = [self._inputs(self.train_split, (batch.FEATURES,), 1).features[:, 0]]
        set_feature_statistics(self.annotator, made)

    def _run_phase(self, phase: Phase, step: int, state: dict[str, Any]) -> tuple[int, dict]:
        groups = build_groups(self.annotator, phase.groups, self.section)
        logger.info("Phase %r trains %s", phase.name, _describe(groups))
        if step > phase.first_step:
            slots = self._optimizer_variables(groups)
            checkpoints.restore(checkpoints.list_checkpoints(self.path)[-1], slots)
        train_step = build_train_step(
            self.annotator, phase, self.section, groups, self.config.jit_compile
        )
        inputs = self._inputs(self.train_split, phase.keys, self.config.image.cached_views)
        size = self.section.batch_size
        batches = iter(training_batches(inputs, size, self.config.seed, step))
        name = phase.name if phase.name == self.stage else f"{self.stage}, {phase.name}"
        monitor = Monitor(self.path, name, step, phase.last_step, size)
        started = time.perf_counter() - state["elapsed_secs"]
        try:
            while step < phase.last_step and not self._stopping:
                before = time.perf_counter()
                tensors = next(batches)
                waited = time.perf_counter() - before
                seed = tf.constant([self.config.seed, step], tf.int32)
                image_ids = tensors.pop(batch.IMAGE_ID)
                logs = {k: float(v) for k, v in train_step(tensors, seed).items()}
                if not np.isfinite(logs["loss"]):
                    self._non_finite(step, logs["loss"], image_ids)
                step += 1
                monitor.step(step, logs, waited)
                state["elapsed_secs"] = time.perf_counter() - started
                finished = step == phase.last_step
                every = self.section.validate_every_steps
                due = finished or (every and step % every == 0)
                metric = self._validate(phase, step, state, monitor, logs) if due else None
                if due or step % self.section.checkpoint_every_steps == 0 or self._stopping:
                    self._save(step, state, groups, metric)
                    monitor.restart_clock()
                    started = time.perf_counter() - state["elapsed_secs"]
                if self.section.patience and state["without_rise"] >= self.section.patience:
                    monitor.say(f"No rise in {self.section.patience} validations: done.")
                    return self.last_step, state
        finally:
            monitor.flush(step)
            monitor.close()
        return step, state

    def _validate(
        self, phase: Phase, step: int, state: dict, monitor: Monitor, logs: dict[str, float]
    ) -> tuple[str, float]:
        keys = tuple(k for k in phase.keys if k not in batch.SEQUENCE_KEYS)
        if phase.part == "tags":
            # The tag model alone says nothing free-running that could be compared later.
            name, value = "loss", -logs["loss"]
        else:
            inputs = self._inputs(self.validation_split, keys, 1)
            made = predict(self.annotator, inputs, self.vocabularies, self.config.decoding)
            name, value = evaluation.validation_metric(
                self.config, self.stage, made, self.validation_split
            )
            lines = [
                f"{image_id}: {' '.join(ranked[0])}"
                for image_id, ranked in zip(made.image_ids[:8], made.sequences[:8], strict=False)
            ]
            monitor.text(step, "predictions", lines)
            monitor.scalars(step, {f"validation/{name}": value, **self._perplexity(phase)})
            monitor.say(f"step {step}: validation {name} {value:.4f}")
        row = history_line(step, state["elapsed_secs"], {name: value, "loss": logs["loss"]})
        with open(self.path / HISTORY_FILE, "a", encoding="utf-8") as f:
            f.write(json.dumps(row) + "\n")
        return name, value

    def _perplexity(self, phase: Phase) -> dict[str, float]:
        """Returns a caption model's validation perplexity and its log2 by TensorBoard's names."""
        if self.config.data.task != "captions" or batch.INPUT_IDS not in phase.keys:
            return {}
        inputs = self._inputs(self.validation_split, phase.keys, 1)
        made = caption_perplexity(Ensemble([self.annotator]), [inputs], self.vocabularies)
        return {f"validation/{k}": made[k] for k in ("perplexity", "log2_perplexity")}

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
        variables = {**self.annotator.all_variables(), **self._optimizer_variables(groups)}
        saved = checkpoints.save(self.path, step, variables, {"stage": self.stage, **state})
        if rose:
            checkpoints.mark_best(self.path, saved, *metric)
        checkpoints.prune(self.path)

    def _optimizer_variables(self, groups: list[ParameterGroup]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for group in groups:
            found.update(checkpoints.optimizer_variables(group.name, group.optimizer))
        return found

    def _inputs(self, split: Split, keys: tuple[str, ...], views: int) -> Inputs:
        features = None
        if batch.FEATURES in keys:
            features = frozen_features(
                self.config, self.annotator, split, self._features_folder, views
            )
        return Inputs(
            split,
            keys,
            self.config.image,
            image_size(self.config),
            encoder_spec(self.config.encoder.name).preprocessing,
            features,
            1 if self.stage == "relational" else self.config.data.captions_per_image,
        )

    def _non_finite(self, step: int, loss: float, image_ids: tf.Tensor) -> None:
        names = ", ".join(x.decode() for x in image_ids.numpy()[:8])
        raise NonFiniteLossError(
            f"The loss is {loss} at step {step} (images {names}, ...): lower `learning_rate` or "
            f"set `clip_norm`. The last good checkpoint is in {str(self.path / 'checkpoints')!r}."
        )


def _describe(groups: list[ParameterGroup]) -> str:
    parts = [
        f"{g.name} ({sum(int(np.prod(v.shape)) for v in g.variables):,} parameters)" for g in groups
    ]
    return ", ".join(parts) or "nothing"


def _with_user_tags_there(config: Config, vocabularies: Vocabularies) -> Config:
    """Returns the config with as many user tags as the data set has, where it has fewer."""
    there = len(vocabularies.user_tags or ())
    if there == config.data.num_user_tags:
        return config
    logger.info("User tags: %d, all that the data set has", there)
    return dataclasses.replace(config, data=dataclasses.replace(config.data, num_user_tags=there))


def _head(split: Split, num_images: int | None, config: Config) -> Split:
    """Returns the split's first images alone, for quicker validations."""
    if num_images is None or num_images >= split.num_images:
        return split
    annotations = split.annotations[:num_images]
    encoded = encode_annotations(annotations, split.vocabularies, config.data)
    name = f"{split.name}[:{num_images}]"
    return dataclasses.replace(split, name=name, annotations=annotations, encoded=encoded)
