r"""Trains every stage of an experiment, one after the other, each in a folder of its own.

Run from the checkout:
  python -m train.train_all --experiment=demo_tags/s_cnn_rnn --data_dir=data --workdir=runs/ours

The stages go to WORKDIR/unary, WORKDIR/relational and WORKDIR/joint, those the experiment has.
The same command resumes. Fields of the config are flags (--help_config lists them):
--config.joint.steps=800.
"""

import json
from pathlib import Path

from semreg_tf.cli import program
from semreg_tf.console import plain_errors
from train import run_flags

_GIVEN = run_flags.define("Folder of the stages' folders.")


def main(_: list[str]) -> None:
    """Trains the stages in order, the joint one from the others."""
    with plain_errors():
        config, profile = _GIVEN.config(), _GIVEN.profiled_steps()
        import keras

        from semreg_tf.training.distribution import Distribution, LostWorkerError
        from semreg_tf.training.trainer import NonFiniteLossError, Trainer

    with plain_errors(NonFiniteLossError, LostWorkerError):
        distribution = Distribution(_GIVEN.strategy.value)
        finished: dict[str, Path] = {}
        for stage in config.stages:
            path = Path(_GIVEN.workdir.value) / stage
            accepted = config.warm_starts(stage)
            earlier = {s: folder for s, folder in finished.items() if s in accepted}
            results = Trainer(
                config,
                stage,
                _GIVEN.data_dir.value,
                path,
                **earlier,
                init_from=_GIVEN.init_from.value,
                distribution=distribution,
                profile=profile,
            ).train()
            print(json.dumps(results))
            finished[stage] = path
            keras.backend.clear_session()


if __name__ == "__main__":
    program.run(main, stopped=run_flags.STOPPED)
