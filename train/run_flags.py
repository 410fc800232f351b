"""The flags that all training binaries have, and what they mean to the trainer."""

import dataclasses

from absl import flags

from semreg_tf import config_io, experiments
from semreg_tf.cli import shared_flags
from semreg_tf.config import Config
from semreg_tf.donor_config import with_model_of
from semreg_tf.encoder_preset import with_preset
from semreg_tf.size_rule import RULES, follows_size

# The flags belong to the binary that asks for them, so that its --help shows them.
flags.disclaim_key_flags()

STRATEGIES = ("none", "mirrored", "multi_worker_mirrored", "tpu")
STOPPED = "Stopped between steps; the same command goes on from the last checkpoint, if any."


@dataclasses.dataclass(frozen=True)
class RunFlags:
    """The holders of the flags; see `define`."""

    experiment: flags.FlagHolder[str]
    data_dir: flags.FlagHolder[str]
    workdir: flags.FlagHolder[str]
    encoder: flags.FlagHolder[str | None]
    overrides: flags.FlagHolder[list[str]]
    preset: flags.FlagHolder[str | None]
    seed: flags.FlagHolder[int | None]
    init_from: flags.FlagHolder[str | None]
    strategy: flags.FlagHolder[str]
    profile: flags.FlagHolder[list[str]]

    def config(self) -> Config:
        """Returns the experiment's config with the overrides and the seed; needs no TensorFlow.

        Raises:
          ValueError: no such experiment or field, or a refused value.
        """
        config, given = experiments.get(self.experiment.value), self.all_overrides()
        if self.init_from.value is not None and follows_size(config):
            config = with_model_of(config, self.init_from.value)
        config = config_io.apply_overrides(config, given)
        if self.preset.value is not None:
            if not follows_size(config):
                raise ValueError(
                    "`--preset` may be given only to an experiment whose steps follow from the "
                    f"number of pictures, such as custom_tags/s_cnn_rnn. Received: "
                    f"--preset={self.preset.value} with {config.name!r}"
                )
            config = dataclasses.replace(config, preset=self.preset.value)
        if self.seed.value is not None:
            config = dataclasses.replace(config, seed=self.seed.value)
        return config

    def all_overrides(self) -> list[str]:
        """Returns the overrides, those of `--encoder` first.

        Raises:
          ValueError: `--encoder` is no CNN's name, or contradicts an override.
        """
        config = experiments.get(self.experiment.value)
        return with_preset(self.encoder.value, self.overrides.value, config)

    def profiled_steps(self) -> tuple[int, int] | None:
        """Returns the first and the last step of the trace, or None.

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


def define(workdir: str, required: bool = True) -> RunFlags:
    """Defines the flags for the calling binary.

    Args:
      workdir: help of `--workdir`.
      required: whether experiment, data and work directory must be given.
    """
    return RunFlags(
        experiment=flags.DEFINE_string(
            "experiment",
            None,
            "Name of the experiment, such as demo_tags/s_cnn_rnn. eval.list_experiments lists all.",
            required=required,
        ),
        data_dir=shared_flags.define_data_dir(required),
        workdir=flags.DEFINE_string("workdir", None, workdir, required=required),
        encoder=flags.DEFINE_string(
            "encoder",
            None,
            "The CNN with ImageNet weights, NAME or NAME:POOLING, such as "
            "efficientnet_lite0:average; without it the experiment's, or that of --unary.",
        ),
        overrides=shared_flags.define_overrides("Fields of the config that differ"),
        preset=flags.DEFINE_enum(
            "preset",
            None,
            list(RULES),
            "How long to train on pictures of your own, whose number decides the rest. [thorough]",
        ),
        seed=flags.DEFINE_integer("seed", None, "Short for --config.seed."),
        init_from=flags.DEFINE_string(
            "init_from",
            None,
            "Work directory or export of another model: its encoder and the rows of matching names "
            "are taken first; an experiment custom_* takes its CNN's and decoder's fields too.",
        ),
        strategy=flags.DEFINE_enum(
            "strategy",
            "none",
            STRATEGIES,
            "Who shares a step: mirrored, all GPUs here; multi_worker_mirrored, the processes "
            "that each one's TF_CONFIG names, on one work directory; tpu, the TPU attached to "
            "this machine (untested). The batch size is that of all together.",
        ),
        profile=flags.DEFINE_list(
            "profile", [], "FIRST,LAST: TensorBoard gets a trace of these steps, such as 100,110."
        ),
    )
