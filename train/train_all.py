r"""Trains every stage of an experiment, one after the other, each in a folder of its own.

Run from the checkout:
  python -m train.train_all --experiment=demo_tags/s_cnn_rnn --data_dir=data --workdir=runs/ours

The stages go to WORKDIR/unary, WORKDIR/relational and WORKDIR/joint, those the experiment has.
The same command resumes. Fields of the config are flags (--help_config lists them):
--config.joint.steps=800.
"""

import json

from absl import flags

from semreg_tf.cli import program
from semreg_tf.console import plain_errors
from train import run_flags

_GIVEN = run_flags.define("Folder of the stages' folders.")
_STAGES = flags.DEFINE_list(
    "stages", None, "Only these, comma-separated; those trained before are started from."
)


def main(_: list[str]) -> None:
    """Trains the stages in order, the joint one from the others."""
    with plain_errors():
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


if __name__ == "__main__":
    program.run(main, stopped=run_flags.STOPPED)
