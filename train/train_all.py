r"""Trains every stage of an experiment, one after the other, each in a folder of its own.

Run from the checkout:
  python -m train.train_all --experiment=demo_tags/s_cnn_rnn --data_dir=data --workdir=runs/ours
  python -m train.train_all --pictures=holiday

The stages go to WORKDIR/unary, WORKDIR/relational and WORKDIR/joint, those the experiment has.
The same command resumes. Fields of the config are flags (--help_config lists them):
--config.joint.steps=800.

With --pictures it does every step for a folder of your own pictures: it prepares them, trains for
tags where there are labels and for captions where there are captions, scores and exports, and says
how to annotate and serve. --preset=fast is for a first look.
"""

import json
from pathlib import Path

from absl import flags

from semreg_tf.cli import program
from semreg_tf.console import plain_errors
from train import pictures_run, run_flags

_GIVEN = run_flags.define("Folder of the stages' folders. [runs/NAME with --pictures]", False)
_STAGES = flags.DEFINE_list(
    "stages",
    None,
    "Train only these stages, comma-separated; earlier finished ones are the starting point.",
)
_PICTURES = flags.DEFINE_string(
    "pictures",
    None,
    "Folder of your own pictures to train on, in place of --experiment and --data_dir.",
)
_ANNOTATIONS = flags.DEFINE_string(
    "annotations", None, "With --pictures: the CSV or JSON Lines file, wherever it lies."
)
_FORMAT = flags.DEFINE_string("format", None, "With --pictures: lines, coco, keywords or folders.")


def main(_: list[str]) -> None:
    """Trains the stages in order, the joint one from the others."""
    if _PICTURES.value is not None:
        _train_pictures()
        return
    with plain_errors():
        _check_required()
        config, profile = _GIVEN.config(), _GIVEN.profiled_steps()
        from semreg_tf.api.training import train
        from semreg_tf.training.distribution import LostWorkerError
        from semreg_tf.training.trainer import NonFiniteLossError

    with plain_errors(NonFiniteLossError, LostWorkerError):
        results = train(
            config,
            _GIVEN.data_dir.value,
            _GIVEN.workdir.value,
            _STAGES.value,
            init_from=_GIVEN.init_from.value,
            strategy=_GIVEN.strategy.value,
            profile=profile,
        )
        for result in results.values():
            print(json.dumps(result))


def _check_required() -> None:
    for name in ("experiment", "data_dir", "workdir"):
        if getattr(_GIVEN, name).value is None:
            raise ValueError(
                f"`--{name}` must be given, or `--pictures` with a folder of your own pictures; "
                "--help says what for. Received: nothing"
            )
    for flag in (_ANNOTATIONS, _FORMAT):
        if flag.value is not None:
            raise ValueError(
                f"`--{flag.name}` may be given with --pictures alone. "
                f"Received: --{flag.name}={flag.value}"
            )


def _train_pictures() -> None:
    with plain_errors():
        for name in ("experiment", "data_dir", "encoder", "profile"):
            value = getattr(_GIVEN, name).value
            if value:
                raise ValueError(
                    f"`--{name}` must be left out with --pictures, which decides it; fields are "
                    f"set by --config.section.field=value. Received: --{name}={value}"
                )
        if _STAGES.value is not None or _GIVEN.strategy.value != "none":
            raise ValueError(
                "`--stages` and `--strategy` must be left out with --pictures. "
                f"Received: --stages={_STAGES.value}, --strategy={_GIVEN.strategy.value}"
            )
        workdir = _GIVEN.workdir.value or pictures_run.default_workdir(_PICTURES.value)
        given = (("annotations", _ANNOTATIONS.value), ("format", _FORMAT.value))
        asked = pictures_run.PicturesRun(
            pictures=_PICTURES.value,
            workdir=Path(workdir),
            preparation=[f"--{name}={value}" for name, value in given if value is not None],
            imports=program.imported_modules(),
            preset=_GIVEN.preset.value or "thorough",
            overrides=_GIVEN.overrides.value,
            seed=_GIVEN.seed.value,
            init_from=_GIVEN.init_from.value,
        )
        # What is refused is refused before minutes of preparation.
        for task in pictures_run.TASKS:
            asked.config(task)
        pictures_run.run(asked)


if __name__ == "__main__":
    program.run(main, stopped=run_flags.STOPPED)
