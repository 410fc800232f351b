r"""Trains every stage of an experiment, one after the other, each in a folder of its own.

Run from the checkout:
  python -m train.train_all --experiment=demo_tags/s_cnn_rnn --data_dir=data --workdir=runs/ours

The stages go to WORKDIR/unary, WORKDIR/relational and WORKDIR/joint, those the experiment has.
The same command resumes. Fields of the config are flags: --config.joint.steps=800.
"""

import dataclasses
import json
import sys
from pathlib import Path

import keras
from absl import app, flags

from semreg_tf import config_io, console, experiments
from semreg_tf.encoder_preset import with_preset
from semreg_tf.training.trainer import Trainer
from train import run_flags

_EXPERIMENT = flags.DEFINE_string("experiment", None, "Name of the experiment.", required=True)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of prepared data.", required=True)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the stages' folders.", required=True)
_INIT_FROM = flags.DEFINE_string("init_from", None, "Work directory of another model to take over.")
_ENCODER = flags.DEFINE_string("encoder", None, "The CNN with ImageNet weights, NAME[:POOLING].")
_OVERRIDES = flags.DEFINE_multi_string("config", [], "Overrides, as --config.section.field=value.")
_SEED = flags.DEFINE_integer("seed", None, "Short for --config.seed.")


def main(_: list[str]) -> None:
    """Trains the stages in order, the joint one from the others."""
    with console.plain_errors(*run_flags.PLAIN_ERRORS):
        where = run_flags.trainer_arguments()
        config = experiments.get(_EXPERIMENT.value)
        overrides = with_preset(_ENCODER.value, _OVERRIDES.value, config)
        config = config_io.apply_overrides(config, overrides)
        if _SEED.value is not None:
            config = dataclasses.replace(config, seed=_SEED.value)
        finished: dict[str, Path] = {}
        for stage in config.stages:
            path = Path(_WORKDIR.value) / stage
            accepted = config.warm_starts(stage)
            earlier = {s: folder for s, folder in finished.items() if s in accepted}
            results = Trainer(
                config,
                stage,
                _DATA_DIR.value,
                path,
                **earlier,
                init_from=_INIT_FROM.value,
                **where,
            ).train()
            print(json.dumps(results))
            finished[stage] = path
            keras.backend.clear_session()


if __name__ == "__main__":
    app.run(main, argv=config_io.override_flags(sys.argv))
