"""The main program of the three training binaries."""

import json

from absl import flags

from cli import program
from semreg_tf.config import WARM_STARTS
from semreg_tf.console import plain_errors
from train import run_flags

# Flags count as key flags of the binary that calls `run`, so that its --help shows them.
flags.disclaim_key_flags()

_WARM_START_HELP = {
    "unary": "Work directory of the unary stage. train_relational reads it only for decoders with "
    "CNN features as input.",
    "relational": "Work directory of the relational stage.",
}


def run(stage: str) -> None:
    """Defines the flags of a stage's binary, parses them and trains the stage."""
    stage_flags = run_flags.RunFlags(
        "Folder of this run, with config, checkpoints and logs; an existing run is resumed.",
        unary="unary" in WARM_STARTS[stage],
    )
    warm_start_flags = {
        name: flags.DEFINE_string(name, None, _WARM_START_HELP[name]) for name in WARM_STARTS[stage]
    }

    def main(_: list[str]) -> None:
        with plain_errors():
            config, profile = stage_flags.config(), stage_flags.profiled_steps()
            from semreg_tf.training import warm_start
            from semreg_tf.training.distribution import Distribution, LostWorkerError
            from semreg_tf.training.trainer import NonFiniteLossError, Trainer
            from semreg_tf.training.trainer_options import TrainerOptions

        with plain_errors(NonFiniteLossError, LostWorkerError):
            folders = {name: flag.value for name, flag in warm_start_flags.items()}
            if folders.get("unary") is not None:
                overrides = stage_flags.all_overrides()
                config = warm_start.with_encoder_of(config, folders["unary"], overrides)
            options = TrainerOptions(
                init_from=stage_flags.init_from.value,
                distribution=Distribution(stage_flags.strategy.value),
                profile=profile,
                **folders,
            )
            folder = stage_flags.workdir.value
            trainer = Trainer(config, stage, stage_flags.data_dir.value, folder, options)
            print(json.dumps(trainer.train(), indent=2))

    program.run(main, stopped=run_flags.STOPPED)
