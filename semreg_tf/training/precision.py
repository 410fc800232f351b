"""The precision of training, which is chosen once per run, and Keras's dtype policy."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import keras

from semreg_tf import config_io
from semreg_tf.config import Config
from semreg_tf.number_formats import chosen_precision
from semreg_tf.training.identity import CONFIG_FILE
from semreg_tf.training.phases import Stage


def with_precision(config: Config, stage: Stage, path: str | Path, num_workers: int = 1) -> Config:
    """Returns the config with the precision "auto" replaced; a resumed run keeps its precision.

    Raises:
      ValueError: "auto" with several workers, which might choose differently.
    """
    if config.precision == "auto" and num_workers > 1:
        raise ValueError(
            "`precision` must be 'float32' or 'mixed_bfloat16' with several workers, whose "
            f"machines may differ. Received: precision='auto', workers={num_workers}"
        )
    stored = Path(path) / CONFIG_FILE
    if config.precision == "auto" and stored.exists():
        earlier = config_io.load(str(stored)).precision
        return dataclasses.replace(config, precision=earlier)
    trains = config.encoder.trainable and any("encoder" in p.groups for p in stage.planned)
    chosen = chosen_precision(config.precision, config.encoder.name, trains)
    return dataclasses.replace(config, precision=chosen)


@contextlib.contextmanager
def dtype_policy_scope(precision: str) -> Iterator[None]:
    """Sets Keras's dtype policy for the models that are created inside the context."""
    earlier = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(earlier)
