r"""Trains the stages of an experiment in order, each in its own folder.

Run from the checkout:
  python -m train.train_all --experiment=demo_tags/s_cnn_rnn --data_dir=data --workdir=runs/ours
  python -m train.train_all --pictures=holiday

The folders are WORKDIR/unary, WORKDIR/relational and WORKDIR/joint, for the stages of the
experiment. The same command resumes. Config fields are flags, such as --config.joint.steps=800;
--help_config lists them.

With --pictures it prepares a folder of your own pictures, trains a model for tags if there are
labels and one for captions if there are captions, scores and exports them, and prints the commands
to annotate and serve. --preset=fast trains a quick first model.
"""

import json
from pathlib import Path

from absl import flags

from cli import program
from semreg_tf.console import plain_errors
from train import pictures_run, run_flags

_RUN_FLAGS = run_flags.RunFlags("Folder of the stages' folders. [runs/NAME with --pictures]", False)
_STAGES = flags.DEFINE_list(
    "stages",
    None,
    "Stages to train, comma-separated; finished earlier stages are the starting point.",
)
_PICTURES = flags.DEFINE_string(
    "pictures",
    None,
    "Folder of your own pictures to train on, in place of --experiment and --data_dir.",
)
_ANNOTATIONS = flags.DEFINE_string(
    "annotations", None, "With --pictures: the CSV or JSON Lines file, in any folder."
)
_FORMAT = flags.DEFINE_string("format", None, "With --pictures: lines, coco, keywords or folders.")


def main(_: list[str]) -> None:
    """Trains the stages in order, or with --pictures runs all steps from a folder of pictures."""
    if _PICTURES.value is not None:
        _train_pictures()
        return
    with plain_errors():
        _check_required()
        config, profile = _RUN_FLAGS.config(), _RUN_FLAGS.profiled_steps()
        from semreg_tf.api.training import train
        from semreg_tf.training.distribution import LostWorkerError
        from semreg_tf.training.trainer import NonFiniteLossError

    with plain_errors(NonFiniteLossError, LostWorkerError):
        results = train(
            config,
            _RUN_FLAGS.data_dir.value,
            _RUN_FLAGS.workdir.value,
            _STAGES.value,
            init_from=_RUN_FLAGS.init_from.value,
            strategy=_RUN_FLAGS.strategy.value,
            profile=profile,
        )
        for result in results.values():
            print(json.dumps(result))


def _check_required() -> None:
    for name in ("experiment", "data_dir", "workdir"):
        if getattr(_RUN_FLAGS, name).value is None:
            raise ValueError(
                f"`--{name}` must be given, or `--pictures` with a folder of your own pictures; "
                "--help describes both. Received: neither"
            )
    for flag in (_ANNOTATIONS, _FORMAT):
        if flag.value is not None:
            raise ValueError(
                f"`--{flag.name}` needs `--pictures`. Received: --{flag.name}={flag.value}"
            )


def _train_pictures() -> None:
    with plain_errors():
        for name in ("experiment", "data_dir", "encoder", "profile"):
            value = getattr(_RUN_FLAGS, name).value
            if value:
                raise ValueError(
                    f"`--{name}` must not be given with --pictures, which sets it; config fields "
                    f"are set by --config.section.field=value. Received: --{name}={value}"
                )
        if _STAGES.value is not None or _RUN_FLAGS.strategy.value != "none":
            raise ValueError(
                "`--stages` and `--strategy` must not be given with --pictures. "
                f"Received: --stages={_STAGES.value}, --strategy={_RUN_FLAGS.strategy.value}"
            )
        workdir = _RUN_FLAGS.workdir.value or pictures_run.default_workdir(_PICTURES.value)
        preparation = (("annotations", _ANNOTATIONS.value), ("format", _FORMAT.value))
        settings = pictures_run.PicturesRun(
            pictures=_PICTURES.value,
            workdir=Path(workdir),
            preparation=[f"--{name}={value}" for name, value in preparation if value is not None],
            imports=program.imported_modules(),
            preset=_RUN_FLAGS.preset.value or "thorough",
            overrides=_RUN_FLAGS.overrides.value,
            seed=_RUN_FLAGS.seed.value,
            init_from=_RUN_FLAGS.init_from.value,
        )
        # Flags are checked before the preparation, which takes minutes.
        for task in pictures_run.TASKS:
            settings.config(task)
        pictures_run.run(settings)


if __name__ == "__main__":
    program.run(main, stopped=run_flags.STOPPED)
