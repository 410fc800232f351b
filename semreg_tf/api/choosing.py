"""The config of an experiment that is given by name or as a config, with overrides."""

from collections.abc import Sequence

from semreg_tf import config_io, experiments
from semreg_tf.config import Config


def chosen_config(config_or_name: Config | str, overrides: Sequence[str] = ()) -> Config:
    """Returns a config, given itself or as an experiment's name, with overrides.

    These are values of config fields, such as "joint.steps=810".

    Raises:
      TypeError: `config_or_name` is neither a config nor a string.
      ValueError: the experiment or a field is unknown, or a value is invalid.
    """
    if isinstance(config_or_name, str):
        config_or_name = experiments.get(config_or_name)
    if not isinstance(config_or_name, Config):
        raise TypeError(
            "`config_or_name` must be a semreg_tf.config.Config or an experiment's name. "
            f"Received: {type(config_or_name).__name__}"
        )
    return config_io.apply_overrides(config_or_name, overrides)
