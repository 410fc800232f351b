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
import time
from pathlib import Path

from absl import flags

from cli import program, shared_flags
from semreg_tf import console
from semreg_tf.experiments import record_check, studies
from semreg_tf.training import study_records
from train.study_job import JobRunner, StudyInputs

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
_ONLY = flags.DEFINE_multi_string("only", [], "System to run; repeatable. [all]")
_SEEDS = flags.DEFINE_multi_integer("seeds", [], "Seed to run; repeatable. [all]")
_MAX_MINUTES = flags.DEFINE_float("max_minutes", None, "Minutes after which no new job starts.")
_AGAIN = flags.DEFINE_bool(
    "evaluate_again",
    False,
    "Only evaluate the jobs again whose record is of another commit, and keep what the records say "
    "of their training.",
)


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
        inputs = StudyInputs(
            study=study,
            data_dir=_DATA_DIR.value,
            out=_OUT.value,
            weights=_WEIGHTS.value,
            extra_captions=_EXTRA.value,
            encoder=_ENCODER.value,
            overrides=tuple(_OVERRIDES.value),
        )
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
            if _AGAIN.value and not is_done:
                print(f"{title}: skipped, it has no record to evaluate again")
                continue
            if is_done and (not _AGAIN.value or study_records.is_of_this_commit(path)):
                print(f"{title}: done before")
                continue
            minutes = (time.perf_counter() - started) / 60
            if _MAX_MINUTES.value is not None and minutes > _MAX_MINUTES.value:
                print(f"{title}: left for the next start, {minutes:.0f} minutes have passed")
                break
            runner = JobRunner(inputs, job)
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
