"""The flags and the one call that the three training binaries share."""

import dataclasses
import json
import sys

from absl import app, flags

from semreg_tf import config_io, console, experiments
from semreg_tf.config import WARM_STARTS
from semreg_tf.encoder_preset import with_preset
from semreg_tf.training import warm_start
from semreg_tf.training.trainer import Trainer
from train import run_flags

_EXPERIMENT = flags.DEFINE_string(
    "experiment",
    None,
    "Name of the experiment, such as demo_tags/s_cnn_rnn; an unknown name lists the known.",
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of prepared data sets.")
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Folder of this run: config, checkpoints, logs. One that exists is resumed."
)
_ENCODER = flags.DEFINE_string(
    "encoder",
    None,
    "The CNN with ImageNet weights, NAME or NAME:POOLING, such as efficientnet_lite0:average; "
    "without it the experiment's, or that of --unary.",
)
_OVERRIDES = flags.DEFINE_multi_string(
    "config", [], "Overrides, as --config.section.field=value; repeatable."
)
_INIT_FROM = flags.DEFINE_string(
    "init_from",
    None,
    "Work directory of another model: its encoder and the rows of matching names are taken first.",
)
_SEED = flags.DEFINE_integer("seed", None, "Short for --config.seed.")

_WARM_START_HELP = {
    "unary": "Work directory of the unary stage; train_relational has use for it only where the "
    "decoder reads features.",
    "relational": "Work directory of the relational stage.",
}


def run(stage: str, usage: str) -> None:
    """Parses the flags and trains one stage; a user's mistake is one line and exit code 2."""
    earlier = {
        name: flags.DEFINE_string(name, None, _WARM_START_HELP[name]) for name in WARM_STARTS[stage]
    }
    flags.mark_flags_as_required(["experiment", "data_dir", "workdir"])

    def main(_: list[str]) -> None:
        where = run_flags.trainer_arguments()
        config = experiments.get(_EXPERIMENT.value)
        overrides = with_preset(_ENCODER.value, _OVERRIDES.value, config)
        config = config_io.apply_overrides(config, overrides)
        if _SEED.value is not None:
            config = dataclasses.replace(config, seed=_SEED.value)
        folders = {name: flag.value for name, flag in earlier.items()}
        if folders.get("unary") is not None:
            config = warm_start.with_encoder_of(config, folders["unary"], overrides)
        trainer = Trainer(
            config,
            stage,
            _DATA_DIR.value,
            _WORKDIR.value,
            init_from=_INIT_FROM.value,
            **folders,
            **where,
        )
        print(json.dumps(trainer.train(), indent=2))

    def guarded(argv: list[str]) -> None:
        with console.plain_errors(*run_flags.PLAIN_ERRORS):
            main(argv)

    sys.modules["__main__"].__doc__ = usage
    app.run(guarded, argv=config_io.override_flags(sys.argv))
