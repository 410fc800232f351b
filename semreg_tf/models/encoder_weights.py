"""Loading an encoder's weights from Keras's `.weights.h5` or its earlier HDF5 layout."""

import logging
import pathlib
import re

import h5py
import keras
import numpy as np

logger = logging.getLogger(__name__)


def _plain(name: bytes | str) -> str:
    """Replaces "/", which earlier Keras versions allowed in layer names and Keras 3 does not."""
    return (name.decode() if isinstance(name, bytes) else str(name)).replace("/", "_")


def _read_numbered(group: h5py.Group) -> tuple[dict[str, list], dict[str, list]]:
    """Reads Keras 3's layout; returns the arrays by layer name, and by class and number."""
    by_name, by_number = {}, {}
    for key, layer in group.items():
        variables = layer.get("vars", {})
        arrays = [variables[str(index)][()] for index in range(len(variables))]
        if arrays:
            by_name[_plain(variables.attrs.get("name", key))] = arrays
            by_number[key] = arrays
    return by_name, by_number


def _read_listed(group: h5py.Group) -> dict[str, list]:
    """Reads the earlier layout, which lists the layers in the network's order."""
    layers = {
        _plain(name): [group[name][weight][()] for weight in group[name].attrs["weight_names"]]
        for name in group.attrs["layer_names"]
    }
    return {name: arrays for name, arrays in layers.items() if arrays}


def _numbered_names(layers: list[keras.layers.Layer]) -> list[str]:
    """Returns the layers' keys in Keras 3's layout, such as "conv2d", "conv2d_1"."""
    seen: dict[str, int] = {}
    names = []
    for layer in layers:
        base = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", type(layer).__name__)
        base = re.sub(r"([a-z])([A-Z])", r"\1_\2", base).lower()
        names.append(f"{base}_{seen[base]}" if base in seen else base)
        seen[base] = seen.get(base, 0) + 1
    return names


def _match(path: pathlib.Path, layers: list[keras.layers.Layer]) -> list[tuple[str, list]]:
    """Returns each layer's name and arrays in the file, empty if it has no such layer.

    Layers are matched by name if the file has all names. Otherwise they are matched by position,
    because the names that Keras generates differ from one build to the next.
    """
    with h5py.File(path) as file:
        root = file.get("model_weights", file)
        if "layer_names" in root.attrs:
            by_name = _read_listed(root)
            in_order = list(by_name.items())
            in_order += [("", [])] * (len(layers) - len(in_order))
        else:
            by_name, by_number = _read_numbered(root["layers"])
            in_order = [(key, by_number.get(key, [])) for key in _numbered_names(layers)]
    if all(layer.name in by_name for layer in layers):
        return [(layer.name, by_name[layer.name]) for layer in layers]
    return in_order[: len(layers)]


def shapes_of(arrays: list) -> str:
    """Returns the shapes of arrays, for error messages."""
    return " ".join(str(tuple(array.shape)) for array in arrays) or "nothing"


def load_weights(encoder: keras.Model, path: str, encoder_name: str) -> None:
    """Sets an encoder's weights from a file with or without the classifier; on an error none.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: the file cannot be read or is of another network; the message gives the shapes of
        the first layer that does not fit.
    """
    file = pathlib.Path(path)
    if not file.is_file():
        raise FileNotFoundError(
            f"`weights` must be 'imagenet', None or the path of a file. Received: weights={path!r}"
        )
    layers = [layer for layer in encoder.layers if layer.weights]
    try:
        matches = _match(file, layers)
    except (OSError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            "`weights` must be an HDF5 file of Keras weights. "
            f"Received: weights={path!r} ({reason})"
        ) from error
    for layer, (name, arrays) in zip(layers, matches, strict=True):
        if shapes_of(layer.weights) != shapes_of(arrays):
            raise ValueError(
                f"`weights` must be those of {encoder_name!r}: its layer {layer.name!r} has shapes "
                f"{shapes_of(layer.weights)}, the file's {name!r} has {shapes_of(arrays)}. "
                f"Received: weights={path!r}"
            )
    for layer, (_, arrays) in zip(layers, matches, strict=True):
        layer.set_weights([np.asarray(array) for array in arrays])
    logger.info("Encoder %s: weights of %d layers from %s", encoder_name, len(layers), path)
