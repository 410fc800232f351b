"""Where a run's first weights come from: the work directories of earlier stages."""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

from semreg_tf.config import Config, EncoderConfig
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.encoder import pooling_of
from semreg_tf.training import checkpoints, workdir
from semreg_tf.training.phase import WarmStart

logger = logging.getLogger(__name__)


def warm_start(
    annotator: Annotator,
    vocabularies: Vocabularies,
    sources: Sequence[WarmStart],
    folders: dict[str, str | Path | None],
) -> dict[str, str]:
    """Takes weights from the runs of earlier stages (Sec. 3.3).

    Args:
      annotator: whose weights are set.
      vocabularies: of this run; the others' must be the same.
      sources: what is taken of which stage.
      folders: stage -> the work directory of its run, or None.

    Returns:
      For each part, where its weights came from.

    Raises:
      ValueError: a directory is no run, has other vocabularies, or does not fit.
    """
    origins = {"encoder": "its first weights", "head": "random", "decoder": "random"}
    variables = annotator.all_variables()
    for source in sources:
        path = folders.get(source.stage)
        if path is None:
            continue
        _check(path, source, annotator.config, vocabularies)
        checkpoint = checkpoints.best_or_last(path)
        chosen = {n: v for n, v in variables.items() if n.split("/")[0] in source.parts}
        workdir.restore_offering_others(checkpoint, chosen)
        origins |= dict.fromkeys(source.parts, str(checkpoint))
    for part, origin in origins.items():
        logger.info("Weights of the %s: %s", part, origin)
    return origins


def _check(path: str | Path, source: WarmStart, config: Config, vocabularies: Vocabularies) -> None:
    other, others, stage = workdir.load_run(path)
    name = source.stage
    if stage != name:
        raise ValueError(
            f"`{name}` must be the work directory of a {name} run; this one is of {stage!r}. "
            f"Received: {name}={str(path)!r}"
        )
    if "head" not in source.parts:
        # What is taken reads no user tags, so a run without them serves a model with them.
        vocabularies, others = (
            Vocabularies(v.output, v.concepts, labels=v.labels) for v in (vocabularies, others)
        )
    different = vocabularies.difference(others)
    if different:
        raise ValueError(
            f"`{name}` was trained with another vocabulary: {different}. "
            f"Received: {name}={str(path)!r}"
        )
    if "encoder" in source.parts and other.encoder.name != config.encoder.name:
        raise ValueError(
            f"`{name}` was trained with the encoder {other.encoder.name!r}, this experiment has "
            f"{config.encoder.name!r}. Received: {name}={str(path)!r}"
        )


def with_encoder_of(config: Config, unary: str | Path, given: Sequence[str] = ()) -> Config:
    """Returns the config with the CNN, its first weights and its pooling of a unary run.

    Args:
      config: of the stage that starts from it.
      unary: work directory of the unary stage.
      given: the overrides in `config`, such as "encoder.pooling=average"; what they name is not
        taken from the unary run, and must be as it was there.

    Raises:
      ValueError: the folder is no run, or something given is otherwise there.
    """
    ours, theirs = config.encoder, workdir.load_run(unary)[0].encoder
    named = {override.partition("=")[0] for override in given}
    taken = {}
    for field in ("name", "weights", "pooling"):
        if f"encoder.{field}" not in named:
            taken[field] = getattr(theirs, field)
        elif _meaning(ours, field) != _meaning(theirs, field):
            raise ValueError(
                f"`encoder.{field}` must be left out or be that of the unary run, "
                f"{getattr(theirs, field)!r}: the CNN is taken from {str(unary)!r}. "
                f"Received: encoder.{field}={getattr(ours, field)!r}"
            )
    return dataclasses.replace(config, encoder=dataclasses.replace(ours, **taken))


def _meaning(encoder: EncoderConfig, field: str) -> str | None:
    """Returns what is compared: a file by its name, for folders differ; a pooling as computed."""
    value = getattr(encoder, field)
    if field == "weights":
        return value and Path(value).name
    return pooling_of(encoder) if field == "pooling" else value
