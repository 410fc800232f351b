"""Semantic Regularisation for Recurrent Image Annotation (Liu et al., CVPR 2017).

The public names, which docs/api.md explains, are imported when they are first asked for: TensorFlow
takes seconds to import, and `import semreg_tf` should not. TensorFlow then writes no log lines,
unless `TF_CPP_MIN_LOG_LEVEL` is set.
"""

import importlib
import threading
from typing import TYPE_CHECKING, Any

from semreg_tf._version import __version__

if TYPE_CHECKING:
    from semreg_tf import experiments
    from semreg_tf.api.building import build
    from semreg_tf.api.evaluating import evaluate
    from semreg_tf.api.trained_run import load_run
    from semreg_tf.api.training import train
    from semreg_tf.experiments import register_experiment
    from semreg_tf.inference import load
    from semreg_tf.registered_encoders import register_encoder

__all__ = [
    "__version__",
    "build",
    "evaluate",
    "experiments",
    "load",
    "load_run",
    "register_encoder",
    "register_experiment",
    "train",
]

# Public name -> the module that has it; "" where it is the module itself.
_MODULES = {
    "build": "semreg_tf.api.building",
    "evaluate": "semreg_tf.api.evaluating",
    "experiments": "",
    "load": "semreg_tf.inference",
    "load_run": "semreg_tf.api.trained_run",
    "register_encoder": "semreg_tf.registered_encoders",
    "register_experiment": "semreg_tf.experiments",
    "train": "semreg_tf.api.training",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'semreg_tf' has no attribute {name!r}")
    # The filter forks, which is not safe where a user's process, such as a notebook, has threads.
    tensorflow_import = importlib.import_module("semreg_tf.tensorflow_import")
    tensorflow_import.ease_tensorflow_import(filters=threading.active_count() == 1)
    if not _MODULES[name]:
        return importlib.import_module(f"semreg_tf.{name}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
