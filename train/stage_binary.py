"""The flags and the one call that the three training binaries share."""

import json

from absl import flags

from semreg_tf.cli import program
from semreg_tf.config import WARM_STARTS
from semreg_tf.console import plain_errors
from train import run_flags

# The flags belong to the binary that calls `run`, so that its --help shows them.
flags.disclaim_key_flags()

_WARM_START_HELP = {
    "unary": "Work directory of the unary stage; train_relational has use for it only where the "
    "decoder reads features.",
    "relational": "Work directory of the relational stage.",
}


def run(stage: str) -> None:
    """Defines the flags of a stage's binary, parses them and trains the stage."""
    given = run_flags.define(
        "Folder of this run: config, checkpoints, logs. One that exists is resumed."
    )
    earlier = {
        name: flags.DEFINE_string(name, None, _WARM_START_HELP[name]) for name in WARM_STARTS[stage]
    }

    def main(_: list[str]) -> None:
        with plain_errors():
            config, profile = given.config(), given.profiled_steps()
            from semreg_tf.training import warm_start
            from semreg_tf.training.distribution import Distribution, LostWorkerError
            from semreg_tf.training.trainer import NonFiniteLossError, Trainer
            from semreg_tf.training.trainer_options import TrainerOptions

        with plain_errors(NonFiniteLossError, LostWorkerError):
            folders = {name: flag.value for name, flag in earlier.items()}
            if folders.get("unary") is not None:
                overrides = given.all_overrides()
                config = warm_start.with_encoder_of(config, folders["unary"], overrides)
            options = TrainerOptions(
                init_from=given.init_from.value,
                distribution=Distribution(given.strategy.value),
                profile=profile,
                **folders,
            )
            folder = given.workdir.value
            trainer = Trainer(config, stage, given.data_dir.value, folder, options)
            print(json.dumps(trainer.train(), indent=2))

    program.run(main, stopped=run_flags.STOPPED)
