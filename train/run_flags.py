"""The flags of all training binaries, and the config that they describe."""

import dataclasses

from absl import flags

from cli import shared_flags
from semreg_tf import config_io, experiments
from semreg_tf.config import Config
from semreg_tf.donor_config import with_model_of
from semreg_tf.encoder_preset import with_preset
from semreg_tf.size_rule import RULES, follows_size

# Flags count as key flags of the binary that defines them, so that its --help shows them.
flags.disclaim_key_flags()

STRATEGIES = ("none", "mirrored", "multi_worker_mirrored", "tpu")
STOPPED = (
    "Stopped between steps; the same command continues from the last checkpoint, if there is one."
)


class RunFlags:
    """The flags of the calling binary.

    Args:
      workdir: the help text of `--workdir`.
      required: whether `--experiment`, `--data_dir` and `--workdir` are required.
      unary: whether the binary has `--unary`, whose run decides the default of `--encoder`.
    """

    def __init__(self, workdir: str, required: bool = True, unary: bool = False) -> None:
        self.experiment = flags.DEFINE_string(
            "experiment",
            None,
            "Name of the experiment, such as demo_tags/s_cnn_rnn. eval.list_experiments lists all.",
            required=required,
        )
        self.data_dir = shared_flags.define_data_dir(required)
        self.workdir = flags.DEFINE_string("workdir", None, workdir, required=required)
        self.encoder = flags.DEFINE_string(
            "encoder",
            None,
            "CNN with ImageNet weights, NAME or NAME:POOLING, such as efficientnet_lite0:average. "
            f"[the experiment's{', or that of --unary' if unary else ''}]",
        )
        self.overrides = shared_flags.define_overrides("Config fields to change")
        self.preset = flags.DEFINE_enum(
            "preset",
            None,
            list(RULES),
            "Length of training on your own pictures; their number decides the steps. [thorough]",
        )
        self.seed = flags.DEFINE_integer("seed", None, "Short for --config.seed.")
        self.init_from = flags.DEFINE_string(
            "init_from",
            None,
            "Work directory or export of a model to start from: its encoder and the rows of names "
            "that occur in both are loaded; custom_* experiments also use its config fields of "
            "encoder and decoder.",
        )
        self.strategy = flags.DEFINE_enum(
            "strategy",
            "none",
            STRATEGIES,
            "Devices that share each batch. mirrored: all GPUs of this machine; "
            "multi_worker_mirrored: the processes in TF_CONFIG, with one work directory; tpu: the "
            "TPU of this machine (untested). The batch size is the total of all devices.",
        )
        self.profile = flags.DEFINE_list(
            "profile", [], "FIRST,LAST: steps to profile for TensorBoard, such as 100,110."
        )

    def config(self) -> Config:
        """Returns the experiment's config with all changes by flags, without TensorFlow.

        Raises:
          ValueError: there is no such experiment or field, or a value is refused.
        """
        config, overrides = experiments.get(self.experiment.value), self.all_overrides()
        if self.init_from.value is not None and follows_size(config):
            config = with_model_of(config, self.init_from.value)
        config = config_io.apply_overrides(config, overrides)
        if self.preset.value is not None:
            if not follows_size(config):
                raise ValueError(
                    "`--preset` needs an experiment whose number of steps depends on the number "
                    "of pictures, such as custom_tags/s_cnn_rnn. Received: "
                    f"--preset={self.preset.value} with {config.name!r}"
                )
            config = dataclasses.replace(config, preset=self.preset.value)
        if self.seed.value is not None:
            config = dataclasses.replace(config, seed=self.seed.value)
        return config

    def all_overrides(self) -> list[str]:
        """Returns the overrides of `--encoder`, followed by those of `--config`.

        Raises:
          ValueError: `--encoder` is unknown, or contradicts an override.
        """
        config = experiments.get(self.experiment.value)
        return with_preset(self.encoder.value, self.overrides.value, config)

    def profiled_steps(self) -> tuple[int, int] | None:
        """Returns the first and the last step of the profile, or None.

        Raises:
          ValueError: `--profile` is not two steps.
        """
        if not self.profile.value:
            return None
        try:
            first, last = map(int, self.profile.value)
        except ValueError:
            raise ValueError(
                "`--profile` must be two steps, such as 100,110. "
                f"Received: --profile={','.join(self.profile.value)}"
            ) from None
        return first, last
