"""The short form `NAME[:POOLING]` of a run's CNN, which stands for three fields of the config."""

from collections.abc import Sequence
from typing import get_args, get_type_hints

from semreg_tf.config import Config, EncoderConfig

POOLINGS = get_args(get_type_hints(EncoderConfig)["pooling"])


def preset_overrides(preset: str, config: Config) -> list[str]:
    """Returns the overrides of an experiment's config that a preset stands for.

    Args:
      preset: a CNN's name, and optionally a colon and its pooling, such as
        "efficientnet_lite0:average_max". The default pooling is the CNN's native one, and the
        weights are ImageNet's. If the experiment has that CNN already, its weights are not changed,
        nor is its pooling unless the preset has one.
      config: the experiment's config.

    Raises:
      ValueError: the name is empty, or the pooling is unknown.

    Example:
      >>> preset_overrides("efficientnet_lite0", Config())
      ['encoder.name=efficientnet_lite0', 'encoder.weights=imagenet', 'encoder.pooling=native']
    """
    name, colon, pooling = preset.partition(":")
    if not name or (colon and pooling not in POOLINGS):
        raise ValueError(
            "`--encoder` must be the name of a CNN, optionally with a colon and one of "
            f"{', '.join(map(repr, POOLINGS))}, such as efficientnet_lite0:average. "
            f"Received: --encoder={preset}"
        )
    if name == config.encoder.name:
        return [f"encoder.pooling={pooling}"] if pooling else []
    return [
        f"encoder.name={name}",
        "encoder.weights=imagenet",
        f"encoder.pooling={pooling or 'native'}",
    ]


def with_preset(preset: str | None, overrides: Sequence[str], config: Config) -> list[str]:
    """Returns a preset's overrides followed by other overrides.

    Args:
      preset: as for `preset_overrides`, or None.
      overrides: such as "encoder.weights=FILE".
      config: the experiment's config.

    Raises:
      ValueError: an override contradicts the preset's name or pooling.
    """
    if preset is None:
        return list(overrides)
    name, _, pooling = preset.partition(":")
    for field, value in (("encoder.name", name), ("encoder.pooling", pooling)):
        for override in overrides:
            name, _, override_value = override.partition("=")
            if value and name == field and override_value != value:
                raise ValueError(
                    f"`--encoder` says {field}={value}, so `--config.{field}` must be left out. "
                    f"Received: --encoder={preset} --config.{override}"
                )
    return [*preset_overrides(preset, config), *overrides]
