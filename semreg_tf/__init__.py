"""Semantic Regularisation for Recurrent Image Annotation (Liu et al., CVPR 2017)."""

import os
from typing import Any

from semreg_tf._version import __version__

__all__ = ["__version__", "load"]


def load(path: str | os.PathLike[str]) -> Any:
    """Loads an exported model whose `annotate(images)` gives captions or tags.

    Args:
      path: a folder written by the export command.

    Returns:
      A `semreg_tf.inference.ExportedModel`.

    Example:
      >>> semreg_tf.load("runs/export").annotate(["beach.jpg"])[0].text
    """
    # TensorFlow takes seconds to import; `import semreg_tf` alone should not.
    from semreg_tf.inference import load as load_model

    return load_model(path)
