"""Warm starts: initial weights from the work directories of earlier stages."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
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
    contents: Mapping[str, str],
) -> dict[str, str]:
    """Restores the parts of each source from the work directory of its stage (Sec. 3.3).

    A stage that was trained on other content of this data set is used with a warning, where
    `contents` are the `content_digests` of now.

    Returns:
      Part -> origin of its weights.

    Raises:
      ValueError: a folder is not a run of that stage, has other vocabularies or another encoder.
    """
    origins = {"encoder": "its first weights", "head": "random", "decoder": "random"}
    variables = annotator.all_variables()
    for source in sources:
        path = folders.get(source.stage)
        if path is None:
            continue
        _check(path, source, annotator.config, vocabularies)
        workdir.warn_of_other_content(path, annotator.config.data.dataset, contents)
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
        # Without the head, user tags and groups need not agree.
        vocabularies, others = (
            Vocabularies(v.output, v.concepts, labels=v.labels) for v in (vocabularies, others)
        )
    different = vocabularies.difference(others)
    if different:
        raise ValueError(
            f"`{name}` must have this run's vocabulary: {different}. Received: {name}={str(path)!r}"
        )
    if "encoder" in source.parts and other.encoder.name != config.encoder.name:
        raise ValueError(
            f"`{name}` must have this experiment's encoder, {config.encoder.name!r}: it has "
            f"{other.encoder.name!r}. Received: {name}={str(path)!r}"
        )


def with_encoder_of(config: Config, unary: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Returns the config with the name, initial weights and pooling of a unary run's CNN.

    Args:
      config: the config of the stage that starts from the unary run.
      unary: work directory of the unary stage.
      overrides: the overrides in `config`, such as "encoder.pooling=average". Fields that they set
        are not copied, and must agree with the unary run.

    Raises:
      ValueError: the folder is not a run, or an override contradicts it.
    """
    ours, theirs = config.encoder, workdir.load_run(unary)[0].encoder
    overridden = {override.partition("=")[0] for override in overrides}
    fields = {}
    for field in ("name", "weights", "pooling"):
        if f"encoder.{field}" not in overridden:
            fields[field] = getattr(theirs, field)
        elif _comparable(ours, field) != _comparable(theirs, field):
            raise ValueError(
                f"`encoder.{field}` must be left out or be that of the unary run, "
                f"{getattr(theirs, field)!r}: the CNN is taken from {str(unary)!r}. "
                f"Received: encoder.{field}={getattr(ours, field)!r}"
            )
    return dataclasses.replace(config, encoder=dataclasses.replace(ours, **fields))


def _comparable(encoder: EncoderConfig, field: str) -> str | None:
    """Returns a field's value for comparison: weights without folder, "native" pooling resolved."""
    value = getattr(encoder, field)
    if field == "weights":
        return value and Path(value).name
    return pooling_of(encoder) if field == "pooling" else value
