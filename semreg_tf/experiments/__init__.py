"""Experiments by name: `<data set>/<system>`, each its data set's base and the fields that differ.

A new system is one entry in `tagging.py`, `annotation_sets.py`, `captioning.py` or `mrnn.py`.
"""

import dataclasses
from collections.abc import Callable
from functools import partial

from semreg_tf.config import Config
from semreg_tf.experiments import annotation_sets, captioning, demo, tagging
from semreg_tf.name_hints import did_you_mean


def _registry() -> dict[str, Callable[[], Config]]:
    found: dict[str, Callable[[], Config]] = {}
    for module in (tagging, annotation_sets, captioning, demo):
        for dataset, (base, systems) in module.EXPERIMENTS.items():
            for system, (row, change) in systems.items():
                found[f"{dataset}/{system}"] = partial(
                    _named, base, change, f"{dataset}/{system}", row
                )
    return found


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
      ValueError: nothing is called `name`; the known are listed.

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
    """Returns the base of an experiment's data set, which its entry is a difference to."""
    dataset = get(name).name.split("/")[0]
    for module in (tagging, annotation_sets, captioning, demo):
        if dataset in module.EXPERIMENTS:
            return module.EXPERIMENTS[dataset][0]()
    raise ValueError(f"`name` must be an experiment's. Received: name={name!r}")
