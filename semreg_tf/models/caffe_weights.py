"""Conversion of published Caffe weights to an encoder's: CaffeNet, AlexNet and VGG16.

Caffe's kernels, grouped ones included, are (filters, channels, height, width); Keras's are (height,
width, channels, filters). Before the first fully connected layer Caffe flattens the map by channel,
row, column, and Keras by row, column, channel. The first kernel's input channels stay in BGR order,
because `image_ops.normalise` gives images of the mode "caffe" in that order.
"""

import logging
import os
import pathlib
from collections.abc import Mapping

import keras
import numpy as np

from semreg_tf.config import EncoderConfig
from semreg_tf.models.caffemodel import read_caffemodel
from semreg_tf.models.encoder import build_encoder

logger = logging.getLogger(__name__)

# Keras's layer name -> Caffe's; the classifier, fc8, is left out.
_VGG16_CONVOLUTIONS = {
    f"block{block}_conv{index}": f"conv{block}_{index}"
    for block, count in enumerate((2, 2, 3, 3, 3), start=1)
    for index in range(1, count + 1)
}
_KRIZHEVSKY = {name: name for name in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7")}
NETWORKS: dict[str, Mapping[str, str]] = {
    "caffenet": _KRIZHEVSKY,
    "alexnet": _KRIZHEVSKY,
    "vgg16": {**_VGG16_CONVOLUTIONS, "fc1": "fc6", "fc2": "fc7"},
}


def _caffe_shapes(layer: keras.layers.Layer) -> list[tuple[int, ...]]:
    """Returns the shapes of a layer's blobs in Caffe."""
    kernel = tuple(layer.kernel.shape)
    order = (3, 2, 0, 1) if len(kernel) == 4 else (1, 0)
    return [tuple(kernel[axis] for axis in order), (kernel[order[0]],)]


def _without_leading_ones(array: np.ndarray, rank: int) -> np.ndarray:
    while array.ndim > rank and array.shape[0] == 1:
        array = array[0]
    return array


def _kernel(layer: keras.layers.Layer, blob: np.ndarray, flattened: tuple | None) -> np.ndarray:
    if blob.ndim == 4:
        return blob.transpose(2, 3, 1, 0)
    if flattened is None:
        return blob.T
    height, width, channels = flattened
    blob = blob.reshape(-1, channels, height, width)
    return blob.transpose(2, 3, 1, 0).reshape(layer.kernel.shape)


def set_caffe_weights(
    encoder: keras.Model, blobs: Mapping[str, list[np.ndarray]], names: Mapping[str, str]
) -> None:
    """Sets an encoder's weights from Caffe's blobs.

    Args:
      encoder: a functional model of convolutions, one Flatten and fully connected layers.
      blobs: the result of `read_caffemodel`.
      names: Keras's layer name -> Caffe's.

    Raises:
      ValueError: a layer is missing or has another shape; the message names the first one.
    """
    flattened = None
    converted = []
    for layer in encoder.layers:
        if isinstance(layer, keras.layers.Flatten):
            flattened = tuple(layer.input.shape[1:])
        if not layer.weights:
            continue
        name = names[layer.name]
        if name not in blobs:
            raise ValueError(
                f"`caffemodel` must hold a layer {name!r} for {layer.name!r}. "
                f"Received: layers {', '.join(blobs)}"
            )
        shapes = _caffe_shapes(layer)
        arrays = [
            _without_leading_ones(array, len(shape))
            for array, shape in zip(blobs[name], shapes, strict=False)
        ]
        received = [array.shape for array in arrays]
        if received != shapes:
            raise ValueError(
                f"`caffemodel` must have blobs of shapes {shapes} in its layer {name!r}. "
                f"Received: {received}"
            )
        dense = isinstance(layer, keras.layers.Dense)
        kernel = _kernel(layer, arrays[0], flattened if dense else None)
        converted.append((layer, kernel, arrays[1]))
        flattened = None if dense else flattened
    for layer, kernel, bias in converted:
        layer.set_weights([kernel, bias])


def convert_caffe_weights(
    caffemodel: str | pathlib.Path, network: str, output: str | pathlib.Path
) -> int:
    """Converts a published `.caffemodel` to an encoder's weights file.

    Args:
      caffemodel: such as bvlc_reference_caffenet.caffemodel, bvlc_alexnet.caffemodel or
        VGG_ILSVRC_16_layers.caffemodel.
      network: "caffenet", "alexnet" or "vgg16".
      output: the file to write, ending in ".weights.h5", for `EncoderConfig.weights`.

    Returns:
      The number of weights written.

    Raises:
      FileNotFoundError: there is no such caffemodel.
      ValueError: an unknown network, a wrong file ending, or a file of another network.
    """
    if network not in NETWORKS:
        raise ValueError(
            f"`network` must be one of {', '.join(map(repr, NETWORKS))}. "
            f"Received: network={network!r}"
        )
    output = pathlib.Path(output)
    if not output.name.endswith(".weights.h5"):
        raise ValueError(f"`output` must end in '.weights.h5'. Received: output={str(output)!r}")
    blobs = read_caffemodel(caffemodel)
    encoder = build_encoder(EncoderConfig(name=network, weights=None))
    set_caffe_weights(encoder, blobs, NETWORKS[network])
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(f"unfinished-{output.name}")
    encoder.save_weights(unfinished)
    os.replace(unfinished, output)
    logger.info("%s: %d weights from %s", output, encoder.count_params(), caffemodel)
    return encoder.count_params()
