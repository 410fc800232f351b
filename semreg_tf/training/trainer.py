"""The training loop, which can be resumed at any step."""

import contextlib
import logging
import signal
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from semreg_tf.config import Config
from semreg_tf.data import batch
from semreg_tf.data.dataset_digests import content_digests
from semreg_tf.data.input_pipeline import evaluation_batches
from semreg_tf.data.record_errors import plain_record_errors
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.files.whole_file import write_json
from semreg_tf.models.annotator import Annotator
from semreg_tf.size_rule import sized
from semreg_tf.stopping import Stopped, signals_handled_by
from semreg_tf.training import checkpoints, history, study_records, transfer, workdir
from semreg_tf.training.concept_words import set_concept_words
from semreg_tf.training.device import device_name
from semreg_tf.training.distribution import Distribution
from semreg_tf.training.features import set_feature_statistics
from semreg_tf.training.identity import identity
from semreg_tf.training.initial_bias import set_log_odds
from semreg_tf.training.label_graph import set_label_graph
from semreg_tf.training.loss_scale import LossScale
from semreg_tf.training.phase import Phase
from semreg_tf.training.phase_run import PhaseRun, StageParts
from semreg_tf.training.phases import find_stage
from semreg_tf.training.precision import dtype_policy_scope, with_precision
from semreg_tf.training.progress import Progress
from semreg_tf.training.stage_data import (
    StageData,
    clamp_side_information,
    extra_captions_of,
    num_pictures,
)
from semreg_tf.training.step_profiler import StepProfiler
from semreg_tf.training.trainer_options import TrainerOptions
from semreg_tf.training.warm_start import warm_start

logger = logging.getLogger(__name__)
# Number of batches for the mean and deviation of features of a trainable CNN.
STATISTICS_BATCHES = 50


class NonFiniteLossError(RuntimeError):
    """A loss is not finite; the message names the step and images of the batch."""


class Trainer:
    """Trains one stage of an experiment, phase by phase, in a work directory.

    Args:
      config: the experiment.
      stage: "unary", "relational" or "joint".
      data_dir: the folder of prepared data sets.
      path: the work directory; if it holds this run, the run is resumed.
      options: warm starts, devices, profile; None: no warm start, this process's first device.

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
        options: TrainerOptions | None = None,
    ) -> None:
        options = options or TrainerOptions()
        self.distribution = options.distribution or Distribution()
        self.distribution.check_xla(config.jit_compile)
        # Before the seed is set, so that initial weights do not depend on the donor.
        donor = None if options.init_from is None else transfer.open_donor(options.init_from)
        keras.utils.set_random_seed(config.seed)
        if config.deterministic:
            tf.config.experimental.enable_op_determinism()
        builder = find_builder(data_dir, config.data.dataset)
        contents = content_digests(builder.data_dir)
        config = sized(config, num_pictures(config, builder))
        find_stage(config, stage).check_warm_starts(options.warm_starts)
        extra = extra_captions_of(config, find_stage(config, stage), builder)
        counts = extra.word_counts() if extra and config.relational.extra_words else None
        vocabularies = _build_vocabularies(config, builder.data_dir, counts)
        config = clamp_side_information(config, vocabularies)
        workers = self.distribution.num_workers
        config = with_precision(config, find_stage(config, stage), path, workers)
        self.config, self.stage = config, find_stage(config, stage)
        self.data = StageData(config, self.stage, builder, vocabularies, extra)
        self.vocabularies = vocabularies
        copied = {}
        with self.distribution.scope():
            with dtype_policy_scope(config.precision):
                sizes = workdir.annotator_sizes(vocabularies)
                # Not needed if the CNN is not run, or comes from a unary run or a donor.
                replaced = options.unary is not None or (donor is not None and donor.saw_images)
                load_first = not replaced and not self.stage.reads_true_concepts
                self.annotator = Annotator(config, **sizes, load_first_weights=load_first)
            self.loss_scale = LossScale() if config.precision == "mixed_float16" else None
            if config.concepts.initial_bias != "zeros":
                set_log_odds(self.annotator, self.data.train, self.data.label_train)
            if config.concepts.layers is not None:
                set_label_graph(self.annotator, self.data.train)
            if donor is not None:
                workdir.warn_of_other_content(donor.path, config.data.dataset, contents)
                copied = transfer.init_from(self.annotator, vocabularies, donor)
            sources = warm_start(
                self.annotator, vocabularies, self.stage.warm_starts, options.warm_starts, contents
            )
            set_concept_words(self.annotator, vocabularies)
        self.sources = {**sources, **{f"init_from: {k}": v for k, v in copied.items()}}
        self.path = Path(path)
        self._profiler = StepProfiler(options.profile, self.path / "logs")
        if self.distribution.is_chief:
            digest = None if extra is None else extra.digest
            workdir.open_workdir(path, config, vocabularies, stage, digest, contents)
        self._has_feature_statistics = options.unary is not None or transfer.STANDARDISE in copied
        self._stopping = self._in_loop = False
        self._signal = signal.SIGTERM

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The stage's phases, in order."""
        return self.stage.phases

    @property
    def last_step(self) -> int:
        """Number of steps of all phases if patience ends none."""
        return sum(phase.steps for phase in self.phases)

    def train(self) -> dict[str, Any]:
        """Runs or resumes the stage.

        Returns:
          The content of `train_results.json`: the stage, its steps, the steps and the end of each
          phase, the best metric, the device.

        Raises:
          NonFiniteLossError: the loss is not finite; the last checkpoint is not affected.
          LostWorkerError: another worker has ended.
          OSError: the work directory cannot be written.
          Stopped: SIGINT or SIGTERM was received; the current step was saved.
        """
        with (
            signals_handled_by(self._stop),
            self._lock(),
            plain_record_errors(),
            self.distribution.one_line_errors(),
        ):
            progress = self._resume()
            for phase in progress.remaining(self.phases):
                if not self._stopping:
                    self._run_phase(phase, progress)
        if self._stopping:
            saved = f"Stopped at step {progress.step}, which is saved"
            raise Stopped(self._signal, f"{saved}; the same command goes on from there.")
        results = {
            "stage": self.stage.name,
            "steps": progress.step,
            "phases": progress.to_state()["phases"],
            "best": checkpoints.read_best(self.path) or {},
            "weights_from": self.sources,
            "device": device_name(),
        }
        if self.distribution.is_chief:
            write_json(self.path / study_records.TRAINED_FILE, results)
        return results

    def _run_phase(self, phase: Phase, progress: Progress) -> None:
        """Runs the steps of a phase until it ends or the run is stopped."""
        current = progress.begin(phase)
        current.ended = phase.end(current)
        if current.ended:
            return
        run = self._open(phase, progress)
        conditions = self.data.validation_conditions(self.stage)
        started = time.perf_counter() - progress.elapsed_secs
        self._in_loop = True
        try:
            while not current.ended and not self._stopping:
                logs = self._take_step(run, progress.step)
                current.steps += 1
                self._stopping = self.distribution.any_worker(self._stopping)
                progress.elapsed_secs = time.perf_counter() - started
                validated = phase.validation_is_due(current.steps)
                metric, is_best = None, False
                if validated:
                    metric = run.validate(progress.step, progress.elapsed_secs, logs["loss"])
                    is_best = progress.judge(phase, *metric, conditions)
                current.ended = phase.end(current)
                if validated or phase.save_is_due(current.steps) or self._stopping:
                    self._save(progress.step, progress, run, metric, is_best)
                    run.monitor.restart_clock()
                    started = time.perf_counter() - progress.elapsed_secs
            if current.ended == "patience":
                run.monitor.say(
                    f"No improvement in {current.without_rise} validations: phase ended."
                )
        finally:
            self._in_loop = False
            run.close(progress.step)

    def _lock(self) -> contextlib.AbstractContextManager:
        """Returns a lock on the work directory; workers other than the chief do not write it."""
        if not self.distribution.is_chief:
            return contextlib.nullcontext()
        return workdir.training_lock(self.path)

    def _stop(self, number: int, _: object) -> None:
        self._stopping, self._signal = True, number
        if not self._in_loop:
            # Only caches may be being written, which continue where they stopped.
            raise Stopped(number)

    def _resume(self) -> Progress:
        checkpoint = checkpoints.resumable(self.path)
        state = checkpoints.read_state(checkpoint) if checkpoint else {"step": 0}
        step = int(self.distribution.from_chief(state["step"]))
        if step != state["step"]:
            raise ValueError(
                f"`workdir` must be one folder that all workers see: the chief resumes at step "
                f"{step}, this worker at {state['step']}. Received: workdir={str(self.path)!r}"
            )
        if self.distribution.is_chief:
            history.rewind(self.path, step)
        if not checkpoint:
            self._standardise()
            return Progress()
        logger.info("Resuming at step %d from %s", step, checkpoint)
        checkpoints.restore_raw(checkpoint, self._variables())
        if self.distribution.is_chief:
            checkpoints.repair_best(self.path, checkpoint)
        return Progress.from_state(state, self.phases)

    def _standardise(self) -> None:
        """Sets the statistics of features, unless they come from a unary run or a donor."""
        reads_none = self.stage.reads_true_concepts
        if not self.config.encoder.standardise or self._has_feature_statistics or reads_none:
            return
        if self.config.encoder.trainable and not self.config.pretrains_on_features:
            inputs = self.data.inputs(self.annotator, self.data.train, (batch.IMAGE,))
            size = self.stage.section.batch_size
            images = evaluation_batches(inputs, size).take(STATISTICS_BATCHES)
            encoder = self.annotator.encoder
            features: Iterable = (encoder(x, training=False)["features"] for x in images)
        else:
            with self.distribution.chief_first():
                cached = self.data.inputs(self.annotator, self.data.train, (batch.FEATURES,), 1)
            features = [cached.features[:, 0]]
        set_feature_statistics(self.annotator, features)

    def _open(self, phase: Phase, progress: Progress) -> PhaseRun:
        name = self.stage.name
        step = progress.step
        parts = StageParts(
            config=self.config,
            annotator=self.annotator,
            data=self.data,
            path=self.path,
            distribution=self.distribution,
            loss_scale=self.loss_scale,
            profiler=self._profiler,
        )
        title = name if phase.name == name else f"{name}, {phase.name}"
        return PhaseRun(parts, phase, title, step - progress.phases[-1].steps, step)

    def _take_step(self, run: PhaseRun, step: int) -> dict[str, float]:
        logs, image_ids = run.take_step(step)
        self._check_finite(step, logs, image_ids)
        run.show(step + 1, logs)
        return logs

    def _check_finite(self, step: int, logs: dict[str, float], image_ids: Any) -> None:
        norms = [name for name in logs if name.endswith("gradient_norm")]
        infinite = [] if np.isfinite(logs["loss"]) else ["loss"]
        if logs.get("skipped") and logs["loss_scale"] > 1:
            # Only the scaled gradients overflowed, and the scale is halved.
            for name in norms:
                logs.pop(name)
        else:
            infinite += [name for name in norms if not np.isfinite(logs[name])]
        if infinite:
            ids = self.distribution.local(image_ids).numpy()[:8]
            self._raise_non_finite(
                f"The {infinite[0].replace('_', ' ')} is {logs[infinite[0]]} at step {step} "
                f"(images {', '.join(x.decode() for x in ids)}, ...)"
            )

    def _raise_non_finite(self, reason: str) -> None:
        raise NonFiniteLossError(
            f"{reason}: lower `learning_rate` or set `clip_norm`. The last good checkpoint is in "
            f"{str(self.path / 'checkpoints')!r}."
        )

    def _save(
        self,
        step: int,
        progress: Progress,
        run: PhaseRun,
        metric: tuple[str, float] | None,
        is_best: bool,
    ) -> None:
        variables = run.stored(self._variables())
        if not checkpoints.all_finite(variables):
            self._raise_non_finite(f"Some weights are not finite after step {step - 1}")
        if not self.distribution.is_chief:
            return
        meta = {
            "stage": self.stage.name,
            "metric": metric,
            "is_best": is_best,
            **progress.to_state(),
            **identity(self.config, self.vocabularies),
        }
        saved = checkpoints.save(self.path, step, variables, meta)
        if is_best:
            checkpoints.mark_best(self.path, saved, *metric)
        checkpoints.prune(self.path)

    def _variables(self) -> dict[str, Any]:
        scale = {} if self.loss_scale is None else self.loss_scale.variables()
        return {**self.annotator.all_variables(), **scale}


def _build_vocabularies(
    config: Config, data_dir: str | Path, extra_counts: Mapping[str, int] | None
) -> Vocabularies:
    vocabularies = Vocabularies.from_dataset(data_dir, config.data, extra_counts)
    return vocabularies if config.labels is None else vocabularies.with_labels(data_dir)
