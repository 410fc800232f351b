"""Training the stages of an experiment one after the other, each in a separate folder."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from semreg_tf.api.choosing import chosen_config
from semreg_tf.config import Config
from semreg_tf.donor_config import with_model_of
from semreg_tf.size_rule import follows_size
from semreg_tf.training.checkpoints import list_checkpoints
from semreg_tf.training.distribution import Distribution
from semreg_tf.training.study_records import is_finished
from semreg_tf.training.trainer import Trainer
from semreg_tf.training.trainer_options import TrainerOptions


def train(
    config_or_name: Config | str,
    data_dir: str | os.PathLike[str],
    workdir: str | os.PathLike[str],
    stages: Sequence[str] | None = None,
    *,
    overrides: Sequence[str] = (),
    init_from: str | os.PathLike[str] | None = None,
    strategy: str = "none",
    profile: tuple[int, int] | None = None,
) -> dict[str, dict[str, Any]]:
    """Trains an experiment's stages in WORKDIR/unary, WORKDIR/relational and WORKDIR/joint.

    Each stage starts from the weights of earlier stages that it can use (Sec. 3.3, Fig. 2). After
    an interruption the same call resumes.

    Args:
      config_or_name: a config, or the name of an experiment.
      data_dir: the folder of prepared data sets.
      workdir: the folder of the stages' folders.
      stages: the stages to train; None: all of the experiment. Stages that are left out but are
        finished in `workdir` are still used as starting points, and must not be half trained.
      overrides: values of config fields, such as "joint.steps=810".
      init_from: work directory or export of another model, whose weights of matching names are
        loaded first; an experiment named `custom_*` also gets that model's config of CNN and
        decoder.
      strategy: distribution strategy; see `semreg_tf.training.distribution.Distribution`.
      profile: first and last step of a TensorBoard trace, or None.

    Returns:
      The contents of each stage's `train_results.json`, by stage.

    Raises:
      ValueError: a name, stage or field is invalid, the data set is not prepared, or a stage is
        left out that a chosen one starts from and that was interrupted.
      NonFiniteLossError: a loss is not finite; the last good checkpoint is kept.
      Stopped: SIGINT or SIGTERM was received; a checkpoint of the current step is saved.

    Example:
      >>> train("demo_tags/s_cnn_rnn", "data", "runs/ours")["joint"]["steps"]
    """
    if isinstance(config_or_name, str) and init_from is not None:
        named = chosen_config(config_or_name)
        if follows_size(named):
            config_or_name = with_model_of(named, init_from)
    config = chosen_config(config_or_name, overrides)
    selected = config.stages if stages is None else tuple(stages)
    unknown = [stage for stage in selected if stage not in config.stages]
    if unknown or not selected:
        raise ValueError(
            f"`stages` must be some of {', '.join(map(repr, config.stages))}, the stages of "
            f"{config.name!r}. Received: stages={selected!r}"
        )
    _check_left_out(config, selected, Path(workdir))
    distribution = Distribution(strategy)
    finished: dict[str, Path] = {}
    results: dict[str, dict[str, Any]] = {}
    for stage in config.stages:
        folder = Path(workdir) / stage
        if stage in selected:
            accepted = config.warm_starts(stage)
            options = TrainerOptions(
                init_from=None if init_from is None else Path(init_from),
                distribution=distribution,
                profile=profile,
                **{name: path for name, path in finished.items() if name in accepted},
            )
            results[stage] = Trainer(config, stage, os.fspath(data_dir), folder, options).train()
            keras.backend.clear_session()
        if stage in selected or is_finished(folder):
            finished[stage] = folder
    return results


def _check_left_out(config: Config, selected: Sequence[str], workdir: Path) -> None:
    """Refuses to leave out an interrupted stage, whose weights would be drawn anew instead."""
    needed = {earlier for stage in selected for earlier in config.warm_starts(stage)}
    for stage in config.stages:
        folder = workdir / stage
        begun = bool(list_checkpoints(folder)) and not is_finished(folder)
        if begun and stage in needed and stage not in selected:
            raise ValueError(
                f"`stages` must include {stage!r}, which was interrupted in {str(folder)!r}: it "
                "goes on from there. To train without it, give another workdir. "
                f"Received: stages={tuple(selected)!r}"
            )
