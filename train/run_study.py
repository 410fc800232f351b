r"""Runs the jobs of a study, one per system and seed, that have no record yet.

  python -m train.run_study --study=demo --data_dir=data --out=runs/demo_study
  python -m train.run_study --study=demo ... --max_minutes=40
  python -m train.run_study --study=flickr8k --encoder=efficientnet_lite0 ...
  python -m train.run_study --study=demo ... --evaluate_again

Each job trains its stages in OUT/SYSTEM/seedN/STAGE, evaluates the model, and writes a record with
scores, curves, times, commands and commit, RESULTS/STUDY/SYSTEM-seedN.json. Jobs with a record are
finished; an interrupted job is resumed. A study can therefore be run in pieces and on several
machines that share the records. `python -m eval.study_tables` writes tables and curves from them.
"""

import json
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from semreg_tf import console, stopping
from semreg_tf.cli import program, shared_flags
from semreg_tf.experiments import record_check, studies
from semreg_tf.experiments.words_study import EXTRA_CAPTIONS
from semreg_tf.label_task import LABEL_RESULTS
from semreg_tf.training import stage_settings, study_records

STOPPED = "Stopped; jobs with a record are done, and the same command continues with the others."

_STUDY = flags.DEFINE_string("study", None, "Name of the study.", required=True)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of prepared data.", required=True)
_OUT = flags.DEFINE_string("out", None, "Folder of the work directories.", required=True)
_RESULTS = flags.DEFINE_string("results", "results", "Folder of the records.")
_WEIGHTS = flags.DEFINE_string(
    "weights", None, "File of the encoder's weights, for encoders that read one."
)
_EXTRA = flags.DEFINE_string(
    "extra_captions", None, "File of captions without pictures, for studies that read one."
)
_OVERRIDES = shared_flags.define_overrides(
    "Config fields to change in every system, which the records list"
)
_ENCODER = flags.DEFINE_string(
    "encoder",
    None,
    "CNN in place of the study's, NAME or NAME:POOLING; part of the records' folder name.",
)
_ONLY = flags.DEFINE_multi_string("only", [], "Run only these systems.")
_SEEDS = flags.DEFINE_multi_integer("seeds", [], "Run only these seeds.")
_MAX_MINUTES = flags.DEFINE_float("max_minutes", None, "Minutes after which no new job starts.")
_AGAIN = flags.DEFINE_bool(
    "evaluate_again",
    False,
    "Evaluate the jobs again whose record is of another commit, and keep what the records say of "
    "their training.",
)


class JobRunner:
    """Trains and evaluates one job of a study, by the same binaries that users run."""

    def __init__(self, study: studies.Study, job: studies.Job) -> None:
        self.study, self.system, self.seed = study, job.system, job.seed
        self.config = job.system.config((*_OVERRIDES.value, *_weights()))
        self.commands: list[str] = []

    def folder(self, stage: str) -> Path:
        """Returns the work directory of a stage, which may be another system's."""
        return self._folder_of(stage, self.system.name)

    def _folder_of(self, stage: str, system: str) -> Path:
        owner = studies.taken(self.study, stage, system, _ENCODER.value)
        return _folder(owner, self.seed) / stage

    @property
    def members(self) -> list[Path]:
        """The work directories of an ensemble's members; empty if the job trains a model."""
        last = self.config.stages[-1]
        return [_folder(system, seed) / last for system, seed in self.system.members]

    def run(self) -> dict[str, Any]:
        """Trains the unfinished stages, evaluates the model and returns the record.

        The record lists the commands of stages that were finished before too.

        Raises:
          ValueError: a finished stage was trained with other settings than the system's.
        """
        started = time.perf_counter()
        trained = () if self.members else self.config.stages
        for stage in trained:
            if study_records.is_finished(self.folder(stage)):
                stage_settings.check_trained(self.folder(stage), self.config, stage)
        for stage in trained:
            self._train(stage)
        runs = self.members or [self.folder(self.config.stages[-1])]
        folder = _folder(self.system.name, self.seed)
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
        for stage, system in self.system.takes:
            stages[stage]["taken_from"] = system
        return {
            "study": self.study.name,
            "system": self.system.name,
            "seed": self.seed,
            "experiment": self.system.experiment,
            "overrides": [*self.system.overrides, *_OVERRIDES.value],
            **({} if self.system.encoder is None else {"encoder": self.system.encoder}),
            **({} if self._donor is None else {"starts_from": [*self.system.starts_from]}),
            "commands": self.commands,
            "elapsed_secs": round(time.perf_counter() - started, 1),
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
        kept = {name: record[name] for name in ("elapsed_secs", "cores") if name in record}
        return {**self.run(), **kept}

    def missing(self, is_trained: bool = False) -> str | None:
        """Returns the missing input of this job, such as another study's run, or None.

        If `is_trained`, every stage must be finished.
        """
        if _EXTRA.value is None and self.config.relational.extra_captions == EXTRA_CAPTIONS:
            return "the file that --extra_captions names"
        for stage, owner in self.system.takes:
            if self.study.after is not None and not study_records.is_finished(self.folder(stage)):
                here = owner in {job.system.name for job in self.study.jobs}
                study = self.study.name if here else self.study.after
                return (
                    f"the {stage} stage of {owner!r} in {_OUT.value!r}, which the study {study!r} "
                    "trains"
                )
        if self._donor is not None and not study_records.is_finished(self._donor):
            stage, owner = self.system.starts_from
            return f"the {stage} stage of {owner!r}, seed {self.seed}, which it starts from"
        for (system, seed), path in zip(self.system.members, self.members, strict=True):
            if not study_records.is_finished(path):
                return f"{system!r} of seed {seed} in {_OUT.value!r}, which it averages"
        for stage in self.config.stages if is_trained and not self.members else ():
            if not study_records.is_finished(self.folder(stage)):
                return f"its trained {stage} stage, {str(self.folder(stage))!r}"
        return None

    def _train(self, stage: str) -> None:
        finished = study_records.is_finished(self.folder(stage))
        if finished and stage in dict(self.system.takes):
            return
        overrides = (*self.system.overrides, *_OVERRIDES.value)
        flags_ = [f"--config.{x.replace(EXTRA_CAPTIONS, str(_EXTRA.value))}" for x in overrides]
        earlier = self.config.stages[: self.config.stages.index(stage)]
        needs = [name for name in earlier if name in self.config.warm_starts(stage)]
        # Imported here, because TensorFlow takes seconds to import and --help must be fast.
        from semreg_tf.training.phases import find_stage

        # The CNN comes from the unary run, if there is one; stages on true concepts read no CNN.
        if "unary" not in needs and not find_stage(self.config, stage).reads_true_concepts:
            flags_ += _encoder_flags(self.system)
        if self._donor is not None and not earlier:
            flags_.append(f"--init_from={self._donor}")
        command = [
            f"train.train_{stage}",
            f"--experiment={self.system.experiment}",
            f"--data_dir={_DATA_DIR.value}",
            f"--workdir={self.folder(stage)}",
            f"--seed={self.seed}",
            *flags_,
            *(f"--{name}={self.folder(name)}" for name in needs),
        ]
        if finished:
            self.commands.append(_shown(command))
        else:
            self._call(*command)

    def _evaluate(self, runs: list[Path], *more: str, task: str | None = None) -> None:
        self._call(
            f"eval.evaluate_{task or self.config.data.task}",
            *(f"--workdir={run}" for run in runs),
            f"--data_dir={_DATA_DIR.value}",
            *more,
        )

    def _call(self, *command: str) -> None:
        shown = _shown(command)
        self.commands.append(shown)
        print(f"$ {shown}", flush=True)
        imports = [f"--import={name}" for name in program.imported_modules()]
        status = stopping.run_child([sys.executable, "-m", *command, *imports])
        if status:
            raise RuntimeError(f"This command failed with exit status {status}: {shown}")


def _encoder_flags(system: studies.System) -> list[str]:
    chosen = [] if system.encoder is None else [f"--encoder={system.encoder}"]
    return [*chosen, *(f"--config.{override}" for override in _weights())]


def _weights() -> list[str]:
    return [] if _WEIGHTS.value is None else [f"encoder.weights={_WEIGHTS.value}"]


def _shown(command: Sequence[str]) -> str:
    return " ".join(["python", "-m", *map(_with_placeholders, command)])


def _with_placeholders(argument: str) -> str:
    """Returns a shell argument, with placeholders for folders that depend on the machine."""
    name, _, value = argument.partition("=")
    for folder, placeholder in (
        (_WEIGHTS.value, "$WEIGHTS"),
        (_EXTRA.value, EXTRA_CAPTIONS),
        (_OUT.value, "$OUT"),
        (_DATA_DIR.value, "$DATA"),
    ):
        if folder and (value == folder or value.startswith(f"{folder}/")):
            value = placeholder + value[len(folder) :]
            return f'"{name}={value}"' if " " in value else f"{name}={value}"
    return shlex.quote(argument)


def _folder(system: str, seed: int) -> Path:
    return Path(_OUT.value) / study_records.file_name(system) / f"seed{seed}"


def _record_path(study: studies.Study, job: studies.Job) -> Path:
    name = f"{study_records.file_name(job.system.name)}-seed{job.seed}.json"
    return Path(_RESULTS.value) / study.name / name


def _stale_fields(path: Path, job: studies.Job) -> list[str]:
    record = study_records.read(path)
    return record_check.stale_fields(record, job.system, _OVERRIDES.value)


def chosen_jobs(study: studies.Study) -> list[studies.Job]:
    """Returns the study's jobs that the flags select, in the order of the study.

    Raises:
      ValueError: the study has no such system.
    """
    only = {study.system(name).name for name in _ONLY.value}
    return [
        job
        for job in study.jobs
        if (not only or job.system.name in only) and (not _SEEDS.value or job.seed in _SEEDS.value)
    ]


def main(_: list[str]) -> None:
    """Runs the jobs that have no record."""
    with console.plain_errors(RuntimeError):
        study = studies.get(_STUDY.value, _ENCODER.value)
        jobs = chosen_jobs(study)
        started = time.perf_counter()
        for number, job in enumerate(jobs, 1):
            path = _record_path(study, job)
            title = f"job {number} of {len(jobs)}: {job.system.name}, seed {job.seed}"
            is_done = path.exists()
            stale = _stale_fields(path, job) if is_done else []
            if stale:
                print(
                    f"{title}: skipped, its record {str(path)!r} is of other settings "
                    f"({', '.join(stale)}); delete the record to run the job with these"
                )
                continue
            if is_done and (not _AGAIN.value or study_records.is_of_this_commit(path)):
                print(f"{title}: done before")
                continue
            minutes = (time.perf_counter() - started) / 60
            if _MAX_MINUTES.value is not None and minutes > _MAX_MINUTES.value:
                print(f"{title}: left for the next start, {minutes:.0f} minutes have passed")
                break
            runner = JobRunner(study, job)
            missing = runner.missing(is_trained=is_done)
            if missing is not None:
                print(f"{title}: skipped, it needs {missing}")
                continue
            print(f"== {title}", flush=True)
            record = runner.evaluated_again(study_records.read(path)) if is_done else runner.run()
            study_records.write(path, record)
            print(f"== {json.dumps(study_records.headline(record))}", flush=True)


if __name__ == "__main__":
    program.run(main, stopped=STOPPED)
