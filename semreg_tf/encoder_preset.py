"""One word for the CNN of a run: `NAME[:POOLING]` in place of three fields of the config."""

from collections.abc import Sequence
from typing import get_args, get_type_hints

from semreg_tf.config import Config, EncoderConfig

POOLINGS = get_args(get_type_hints(EncoderConfig)["pooling"])


def preset_overrides(preset: str, config: Config) -> list[str]:
    """Returns a preset as overrides of an experiment's config.

    Args:
      preset: a CNN's name, and after a colon its pooling: "efficientnet_lite0:average_max".
        Without pooling it is the CNN's own. The weights are ImageNet's. The name of the CNN that
        the experiment has anyway leaves its weights, and its pooling where none is given.
      config: the experiment's.

    Raises:
      ValueError: no name, or an unknown pooling.

    Example:
      >>> preset_overrides("efficientnet_lite0", Config())
      ['encoder.name=efficientnet_lite0', 'encoder.weights=imagenet', 'encoder.pooling=native']
    """
    name, colon, pooling = preset.partition(":")
    if not name or (colon and pooling not in POOLINGS):
        raise ValueError(
            "`--encoder` must be the name of a CNN, and after a colon, if given, one of "
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
    """Returns a preset's overrides and those given one by one, the latter last.

    Args:
      preset: as `preset_overrides` takes it, or None.
      overrides: such as "encoder.weights=FILE".
      config: the experiment's.

    Raises:
      ValueError: an override contradicts the preset's name or pooling.
    """
    if preset is None:
        return list(overrides)
    name, _, pooling = preset.partition(":")
    for field, value in (("encoder.name", name), ("encoder.pooling", pooling)):
        for override in overrides:
            other = override.partition("=")
            if value and other[0] == field and other[2] != value:
                raise ValueError(
                    f"`--encoder` says {field}={value}, so `--config.{field}` must be left out. "
                    f"Received: --encoder={preset} --config.{override}"
                )
    return [*preset_overrides(preset, config), *overrides]
