"""One job of a study: the commands of its system and seed, and the record that they leave."""

import dataclasses
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cli import program
from semreg_tf import stopping
from semreg_tf.experiments import studies
from semreg_tf.experiments.words_study import EXTRA_CAPTIONS
from semreg_tf.label_task import LABEL_RESULTS
from semreg_tf.training import stage_settings, study_records


@dataclasses.dataclass(frozen=True)
class StudyInputs:
    """What all jobs of a study read, and where they write.

    Attributes:
      study: the systems and seeds.
      data_dir: folder of prepared data.
      out: folder of the work directories.
      weights: file of the encoder's weights, for encoders that read one.
      extra_captions: file of captions without pictures, for studies that read one.
      encoder: CNN in place of the study's, NAME or NAME:POOLING, or None.
      overrides: config fields to change in every system.
    """

    study: studies.Study
    data_dir: str
    out: str
    weights: str | None
    extra_captions: str | None
    encoder: str | None
    overrides: tuple[str, ...]

    def folder(self, system: str, seed: int) -> Path:
        """Returns the folder of a system's work directories, one per stage."""
        return Path(self.out) / study_records.file_name(system) / f"seed{seed}"

    def shown(self, command: Sequence[str]) -> str:
        """Returns a command as a record lists it, without folders that depend on the machine."""
        return " ".join(["python", "-m", *map(self._with_placeholders, command)])

    @property
    def weights_overrides(self) -> tuple[str, ...]:
        """The config field that names the encoder's file of weights; empty without a file."""
        return () if self.weights is None else (f"encoder.weights={self.weights}",)

    def _with_placeholders(self, argument: str) -> str:
        name, _, value = argument.partition("=")
        for folder, placeholder in (
            (self.weights, "$WEIGHTS"),
            (self.extra_captions, EXTRA_CAPTIONS),
            (self.out, "$OUT"),
            (self.data_dir, "$DATA"),
        ):
            if folder and (value == folder or value.startswith(f"{folder}/")):
                value = placeholder + value[len(folder) :]
                return f'"{name}={value}"' if " " in value else f"{name}={value}"
        return shlex.quote(argument)


class JobRunner:
    """Trains and evaluates one job of a study, by the same binaries that users run."""

    def __init__(self, inputs: StudyInputs, job: studies.Job) -> None:
        self.inputs, self.system, self.seed = inputs, job.system, job.seed
        self.config = job.system.config((*inputs.overrides, *inputs.weights_overrides))
        self.commands: list[str] = []

    def folder(self, stage: str) -> Path:
        """Returns the work directory of a stage, which may be another system's."""
        return self._folder_of(stage, self.system.name)

    def _folder_of(self, stage: str, system: str) -> Path:
        owner = studies.system_that_trains(self.inputs.study, stage, system, self.inputs.encoder)
        return self.inputs.folder(owner, self.seed) / stage

    @property
    def members(self) -> list[Path]:
        """The work directories of an ensemble's members; empty if the job trains a model."""
        last = self.config.stages[-1]
        return [self.inputs.folder(system, seed) / last for system, seed in self.system.members]

    def run(self) -> dict[str, Any]:
        """Trains the unfinished stages, evaluates the model and returns the record.

        The record lists the commands of stages that were finished before too.

        Raises:
          ValueError: a finished stage was trained with other settings than the system's.
        """
        trained = () if self.members else self.config.stages
        for stage in trained:
            if study_records.is_finished(self.folder(stage)):
                stage_settings.check_trained(self.folder(stage), self.config, stage)
        for stage in trained:
            self._train(stage)
        runs = self.members or [self.folder(self.config.stages[-1])]
        folder = self.inputs.folder(self.system.name, self.seed)
        results = folder / "evaluation" if self.members else runs[0]
        self._evaluate(runs, *([f"--out={results}"] if self.members else []))
        evaluations = {}
        for name, flags_ in self.system.evaluations:
            out = folder / f"evaluation {name}"
            self._evaluate(runs, f"--out={out}", *flags_)
            evaluations[name] = study_records.scores_of(out)
        labels = {}
        if self.config.labels is not None:
            self._evaluate(runs, task="tags")
            labels = {"labels": study_records.scores_of(runs[0] / LABEL_RESULTS)}
        stages = {s: study_records.stage_record(self.folder(s)) for s in trained}
        for stage, system in self.system.reused_stages:
            stages[stage]["taken_from"] = system
        return {
            "study": self.inputs.study.name,
            "system": self.system.name,
            "seed": self.seed,
            "experiment": self.system.experiment,
            "overrides": [*self.system.overrides, *self.inputs.overrides],
            **({} if self.system.encoder is None else {"encoder": self.system.encoder}),
            **({} if self._donor is None else {"starts_from": [*self.system.starts_from]}),
            "commands": self.commands,
            **({} if not self.members else {"members": [*map(list, self.system.members)]}),
            **study_records.provenance(runs),
            "stages": stages,
            "results": study_records.scores_of(results),
            **labels,
            "evaluations": evaluations,
        }

    @property
    def _donor(self) -> Path | None:
        """The work directory whose weights the first stage starts from, or None."""
        if self.system.starts_from is None:
            return None
        stage, owner = self.system.starts_from
        return self._folder_of(stage, owner)

    def evaluated_again(self, record: dict[str, Any]) -> dict[str, Any]:
        """Evaluates the trained model and returns its record with the new scores."""
        unchanged = {"cores": record["cores"]} if "cores" in record else {}
        return {**self.run(), **unchanged}

    def missing(self, is_trained: bool = False) -> str | None:
        """Returns the missing input of this job, such as another study's run, or None.

        If `is_trained`, every stage must be finished.
        """
        if (
            self.inputs.extra_captions is None
            and self.config.relational.extra_captions == EXTRA_CAPTIONS
        ):
            return "the file that --extra_captions names"
        for stage, owner in self.system.reused_stages:
            if self.inputs.study.after is not None and not study_records.is_finished(
                self.folder(stage)
            ):
                study = self.inputs.study
                here = owner in {job.system.name for job in study.jobs}
                return (
                    f"the {stage} stage of {owner!r} in {self.inputs.out!r}, which the study "
                    f"{study.name if here else study.after!r} trains"
                )
        if self._donor is not None and not study_records.is_finished(self._donor):
            stage, owner = self.system.starts_from
            return f"the {stage} stage of {owner!r}, seed {self.seed}, which it starts from"
        for (system, seed), path in zip(self.system.members, self.members, strict=True):
            if not study_records.is_finished(path):
                return f"{system!r} of seed {seed} in {self.inputs.out!r}, which it averages"
        for stage in self.config.stages if is_trained and not self.members else ():
            if not study_records.is_finished(self.folder(stage)):
                return f"its trained {stage} stage, {str(self.folder(stage))!r}"
        return None

    def _train(self, stage: str) -> None:
        finished = study_records.is_finished(self.folder(stage))
        if finished and stage in dict(self.system.reused_stages):
            return
        overrides = (*self.system.overrides, *self.inputs.overrides)
        flags_ = [
            f"--config.{x.replace(EXTRA_CAPTIONS, str(self.inputs.extra_captions))}"
            for x in overrides
        ]
        earlier = self.config.stages[: self.config.stages.index(stage)]
        needs = [name for name in earlier if name in self.config.warm_starts(stage)]
        # Imported here, because TensorFlow takes seconds to import and --help must be fast.
        from semreg_tf.training.phases import find_stage

        # The CNN comes from the unary run, if there is one; stages on true concepts read no CNN.
        if "unary" not in needs and not find_stage(self.config, stage).reads_true_concepts:
            if self.system.encoder is not None:
                flags_.append(f"--encoder={self.system.encoder}")
            flags_ += [f"--config.{override}" for override in self.inputs.weights_overrides]
        if self._donor is not None and not earlier:
            flags_.append(f"--init_from={self._donor}")
        command = [
            f"train.train_{stage}",
            f"--experiment={self.system.experiment}",
            f"--data_dir={self.inputs.data_dir}",
            f"--workdir={self.folder(stage)}",
            f"--seed={self.seed}",
            *flags_,
            *(f"--{name}={self.folder(name)}" for name in needs),
        ]
        if finished:
            self.commands.append(self.inputs.shown(command))
        else:
            self._call(*command)

    def _evaluate(self, runs: list[Path], *more: str, task: str | None = None) -> None:
        # A finished run may have been trained before its decoding was changed.
        changed: list[str] = []
        if not self.members:
            changed = stage_settings.changed_after_training(runs[0], self.config, task)
        if not any(flag.startswith("--rerank") for flag in more):
            changed = [x for x in changed if not x.startswith("reranking.")]
        self._call(
            f"eval.evaluate_{task or self.config.data.task}",
            *(f"--workdir={run}" for run in runs),
            f"--data_dir={self.inputs.data_dir}",
            *(f"--config.{override}" for override in changed),
            *more,
        )

    def _call(self, *command: str) -> None:
        shown = self.inputs.shown(command)
        self.commands.append(shown)
        print(f"$ {shown}", flush=True)
        imports = [f"--import={name}" for name in program.imported_modules()]
        status = stopping.run_child([sys.executable, "-m", *command, *imports])
        if status:
            raise RuntimeError(f"This command failed with exit status {status}: {shown}")
