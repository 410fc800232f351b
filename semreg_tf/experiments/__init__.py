"""Experiments by name, `<data set>/<system>`: the data set's base config with changed fields.

A new system is one entry in `tagging.py`, `annotation_sets.py`, `captioning.py` or `mrnn.py`.
"""

import dataclasses
from collections.abc import Callable
from functools import partial

from semreg_tf.config import Config
from semreg_tf.experiments import annotation_sets, captioning, demo, tagging
from semreg_tf.name_hints import did_you_mean

_REGISTERED: dict[str, Callable[[], Config]] = {}


def _registry() -> dict[str, Callable[[], Config]]:
    built_in: dict[str, Callable[[], Config]] = {}
    for module in (tagging, annotation_sets, captioning, demo):
        for dataset, (base, systems) in module.EXPERIMENTS.items():
            for system, (row, change) in systems.items():
                name = f"{dataset}/{system}"
                built_in[name] = partial(_named, base, change, name, row)
    return {**built_in, **_REGISTERED}


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
    if not all(name.partition("/")) or name in _registry():
        raise ValueError(
            "`name` must be <data set>/<system>, a name that no experiment has. "
            f"Received: name={name!r}"
        )
    _REGISTERED[name] = partial(_renamed, config, name)


def _renamed(config: Config | Callable[[], Config], name: str) -> Config:
    return dataclasses.replace(config if isinstance(config, Config) else config(), name=name)


def _named(
    base: Callable[[], Config], change: Callable[[Config], Config], name: str, row: str
) -> Config:
    return dataclasses.replace(change(base()), name=name, table_row=row)


def names() -> tuple[str, ...]:
    """Returns every experiment's name, sorted."""
    return tuple(sorted(_registry()))


def get(name: str) -> Config:
    """Returns an experiment's config.

    Raises:
      ValueError: the name is unknown; the error lists the known names.

    Example:
      >>> get("demo_tags/s_cnn_rnn").decoding.method
      'greedy'
    """
    registry = _registry()
    if name not in registry:
        raise ValueError(
            f"`experiment` must be a known name{did_you_mean(name, registry)} "
            f"Known: {', '.join(sorted(registry))}. Received: experiment={name!r}"
        )
    return registry[name]()


def base_of(name: str) -> Config:
    """Returns the base config of an experiment's data set; of a registered one its own config."""
    if name in _REGISTERED:
        return get(name)
    dataset = get(name).name.split("/")[0]
    for module in (tagging, annotation_sets, captioning, demo):
        if dataset in module.EXPERIMENTS:
            return module.EXPERIMENTS[dataset][0]()
    raise ValueError(f"`name` must be an experiment's. Received: name={name!r}")
