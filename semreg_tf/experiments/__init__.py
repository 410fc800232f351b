"""Experiments by name, `<data set>/<system>`: the data set's base config with changed fields.

A new system is one entry in `tagging.py`, `annotation_sets.py`, `captioning.py` or `mrnn.py`.
"""

from collections.abc import Callable
from dataclasses import replace

from semreg_tf.config import Config
from semreg_tf.experiments import annotation_sets, captioning, demo, tagging
from semreg_tf.name_hints import did_you_mean

# Data set -> its base config, and its systems: name -> (row of a printed table, change).
_DATASETS = (
    tagging.EXPERIMENTS | annotation_sets.EXPERIMENTS | captioning.EXPERIMENTS | demo.EXPERIMENTS
)
_REGISTERED: dict[str, Config | Callable[[], Config]] = {}


def register_experiment(name: str, config: Config | Callable[[], Config]) -> None:
    """Registers an experiment under a name, for `get` and `--experiment`.

    A command needs `--import=MODULE` with the module that registers it.

    Args:
      name: `<data set>/<system>`, a name that no experiment has.
      config: its config, or a function that returns it; its field `name` is replaced.

    Raises:
      ValueError: the name has no slash, or an experiment has it.
      TypeError: `config` is neither a config nor a function.

    Example:
      >>> base = semreg_tf.experiments.get("custom_tags/s_cnn_rnn")
      >>> register_experiment("mine/tanh", dataclasses.replace(base, decoder=tanh_decoder))
    """
    if not (isinstance(config, Config) or callable(config)):
        raise TypeError(
            "`config` must be a Config or a function that returns one. "
            f"Received: {type(config).__name__}"
        )
    if not all(name.partition("/")) or name in names():
        raise ValueError(
            "`name` must be <data set>/<system>, a name that no experiment has. "
            f"Received: name={name!r}"
        )
    _REGISTERED[name] = config


def names() -> tuple[str, ...]:
    """Returns every experiment's name, sorted."""
    built_in = (
        f"{name}/{system}" for name, (_, systems) in _DATASETS.items() for system in systems
    )
    return tuple(sorted((*built_in, *_REGISTERED)))


def get(name: str) -> Config:
    """Returns an experiment's config.

    Raises:
      ValueError: the name is unknown; the error suggests the closest.

    Example:
      >>> get("demo_tags/s_cnn_rnn").decoding.method
      'greedy'
    """
    if name not in names():
        raise ValueError(
            f"`experiment` must be a known name{did_you_mean(name, names())} "
            f"`semreg list --names` prints them. Received: experiment={name!r}"
        )
    if name in _REGISTERED:
        config = _REGISTERED[name]
        return replace(config if isinstance(config, Config) else config(), name=name)
    dataset, system = name.split("/")
    base, systems = _DATASETS[dataset]
    row, change = systems[system]
    return replace(change(base()), name=name, table_row=row)


def base_of(name: str) -> Config:
    """Returns the base config of an experiment's data set; of a registered one its own config."""
    config = get(name)
    return config if name in _REGISTERED else _DATASETS[name.split("/")[0]][0]()
