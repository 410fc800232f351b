"""How TensorFlow is imported: quietly, without Keras, and with Python's collector paused.

TensorFlow imports Keras at its end, and Keras scikit-learn and Matplotlib: 1.2 of 3 seconds, which
a binary that annotates with an export has no use for. TensorFlow goes on where Keras is missing, so
that is what it is told; whoever needs Keras imports it later. The collector would look through the
modules again and again while they are made, for .3 seconds, and find no garbage.
"""

import contextlib
import gc
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from semreg_tf.quiet_tensorflow import LEVEL, QUIET, filtered_stderr


def ease_tensorflow_import(filters: bool = True) -> None:
    """Prepares the import of TensorFlow, whenever it comes.

    Its start-up lines are left out; errors and warnings pass. A user who sets
    `TF_CPP_MIN_LOG_LEVEL` below 3 sees every line.

    Args:
      filters: whether the lines that no variable stops are filtered, which forks this process.
    """
    os.environ.setdefault(LEVEL, QUIET)
    prepared = any(isinstance(finder, _Finder) for finder in sys.meta_path)
    if "tensorflow" not in sys.modules and not prepared:
        sys.meta_path.insert(0, _Finder(filters))


class _Finder:
    """Finds TensorFlow as Python would; while it is imported, Keras as a module that fails."""

    def __init__(self, filters: bool) -> None:
        self.importing, self.filters = False, filters

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> Any:
        if name == "keras" and self.importing:
            # Found, since TensorFlow looks up its folder; not loaded.
            return _executed_by(PathFinder.find_spec(name, path), _put_off)
        if name != "tensorflow" or self.importing:
            return None
        self.importing = True
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            sys.meta_path.remove(self)
            return None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            try:
                quiet = _filtered() if self.filters else contextlib.nullcontext()
                with quiet, _collector_paused():
                    execute(module)
            finally:
                sys.meta_path.remove(self)

        return _executed_by(spec, exec_module)


def _executed_by(spec: ModuleSpec | None, execute: Any) -> ModuleSpec | None:
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module = execute  # type: ignore[method-assign]
    return spec


def _put_off(_: ModuleType) -> None:
    raise ImportError("Keras is imported by what needs it, after TensorFlow.")


def _filtered() -> contextlib.AbstractContextManager[None]:
    return filtered_stderr() if os.environ.get(LEVEL) == QUIET else contextlib.nullcontext()


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Pauses the collector, and spares what was made meanwhile from it for good."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
