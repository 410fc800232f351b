"""Folding batch normalisation into the preceding layer, for inference."""

from collections import Counter
from collections.abc import Sequence

import keras
import numpy as np

# In an export: the statistics of each folded normalisation, which folding would otherwise lose.
STATISTICS_FILE = "batch_norm.npz"
# Layers whose output is linear in their last kernel; subclasses use the same kernel layout.
_LINEAR = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
    keras.layers.Dense,
)


def fold_batch_norm(model: keras.Model) -> keras.Model:
    """Returns a copy of a functional model with batch normalisation folded where possible.

    BN(W x + b) = (s W) x + (s (b - mean) + beta) with s = gamma / sqrt(variance + epsilon). A
    normalisation is folded if its input is a convolution or a dense layer without activation whose
    output nothing else reads. Others stay, such as those after a concatenation or an addition
    (DenseNet, ResNet v2). The factors are computed in float64; outputs are equal up to rounding.

    Example:
      >>> folded = fold_batch_norm(build_encoder(EncoderConfig(weights=None)))
    """
    pairs = foldable(model)
    folded = {layer.name: norm for norm, layer in pairs}
    dropped = {norm.name for norm, _ in pairs}

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if layer.name in folded:
            config["use_bias"] = True
        return type(layer).from_config(config)

    def call(layer: keras.layers.Layer, *args: object, **kwargs: object) -> object:
        return args[0] if layer.name in dropped else layer(*args, **kwargs)

    copy = keras.models.clone_model(model, clone_function=clone, call_function=call)
    for layer in copy.layers:
        original = model.get_layer(layer.name)
        weights = original.get_weights()
        if layer.name in folded:
            weights = _folded_weights(original, folded[layer.name])
        layer.set_weights(weights)
    copy.trainable = False
    return copy


def foldable(
    model: keras.Model,
) -> list[tuple[keras.layers.BatchNormalization, keras.layers.Layer]]:
    """Returns each batch normalisation that can be folded, and the layer that it is folded into."""
    readers = Counter(id(x) for x in keras.tree.flatten(model.output))
    for layer in model.layers:
        readers.update({id(x) for x in keras.tree.flatten(layer.input)})
    producers = {id(layer.output): layer for layer in model.layers if _is_linear(layer)}
    pairs = []
    for norm in model.layers:
        if not isinstance(norm, keras.layers.BatchNormalization):
            continue
        layer = producers.get(id(norm.input))
        axis = norm.axis if isinstance(norm.axis, int) else norm.axis[0]
        last = axis in (-1, len(norm.input.shape) - 1)
        if layer is not None and last and readers[id(norm.input)] == 1:
            pairs.append((norm, layer))
    return pairs


def _is_linear(layer: keras.layers.Layer) -> bool:
    return (
        isinstance(layer, _LINEAR)
        and layer.activation is keras.activations.linear
        and getattr(layer, "data_format", "channels_last") == "channels_last"
        # A layer called twice may feed two normalisations, which cannot both be folded into it.
        and len(layer._inbound_nodes) == 1
    )


def _folded_weights(
    layer: keras.layers.Layer, norm: keras.layers.BatchNormalization
) -> list[np.ndarray]:
    mean, variance = (np.asarray(x, np.float64) for x in (norm.moving_mean, norm.moving_variance))
    gamma = np.asarray(norm.gamma, np.float64) if norm.scale else 1.0
    beta = np.asarray(norm.beta, np.float64) if norm.center else 0.0
    scale = gamma / np.sqrt(variance + norm.epsilon)
    *before, kernel = layer.get_weights()[:-1] if layer.use_bias else layer.get_weights()
    bias = layer.get_weights()[-1] if layer.use_bias else 0.0
    # A depthwise kernel is (h, w, channels, multiplier), its outputs the last two flattened.
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    factors = scale.reshape(kernel.shape[-2:]) if depthwise else scale
    weights = [*before, kernel * factors, (bias - mean) * scale + beta]
    return [np.asarray(x, np.float32) for x in weights]


def folded_statistics(model: keras.Model) -> list[np.ndarray]:
    """Returns the statistics that folding loses, from which `unfold_batch_norm` restores the model.

    Returns:
      For each folded normalisation its gamma, beta, mean and variance, (4, channels) float32, in
      the order of the layers: the names that Keras generates differ from one build to the next.
    """
    return [
        np.stack(
            [
                np.asarray(norm.gamma) if norm.scale else np.ones(norm.moving_mean.shape),
                np.asarray(norm.beta) if norm.center else np.zeros(norm.moving_mean.shape),
                np.asarray(norm.moving_mean),
                np.asarray(norm.moving_variance),
            ]
        ).astype(np.float32)
        for norm, _ in foldable(model)
    ]


def unfold_batch_norm(
    model: keras.Model, folded: keras.Model, statistics: Sequence[np.ndarray]
) -> None:
    """Sets a model's weights so that folding it gives `folded`: the inverse of `fold_batch_norm`.

    The statistics are the result of `folded_statistics`.

    Raises:
      ValueError: the statistics differ from the model's normalisations in number or channels.
    """
    restored = zip(foldable(model), statistics, strict=True)
    pairs = {layer.name: (norm, values) for (norm, layer), values in restored}
    dropped = {norm.name for norm, _ in pairs.values()}
    for layer in model.layers:
        if layer.name in dropped:
            continue
        weights = folded.get_layer(layer.name).get_weights()
        if layer.name in pairs:
            norm, (gamma, beta, mean, variance) = pairs[layer.name]
            weights = _unfolded_weights(layer, weights, norm.epsilon, pairs[layer.name][1])
            values = [gamma] * norm.scale + [beta] * norm.center + [mean, variance]
            norm.set_weights([np.asarray(x, np.float32) for x in values])
        layer.set_weights(weights)


def _unfolded_weights(
    layer: keras.layers.Layer, weights: list[np.ndarray], epsilon: float, statistics: np.ndarray
) -> list[np.ndarray]:
    gamma, beta, mean, variance = np.asarray(statistics, np.float64)
    *before, kernel, bias = weights
    scale = gamma / np.sqrt(variance + epsilon)
    # The kernel of a channel whose gamma is 0 cannot be restored, and does not matter.
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale != 0)
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    factors = inverse.reshape(kernel.shape[-2:]) if depthwise else inverse
    unfolded = [*before, kernel * factors]
    if layer.use_bias:
        unfolded.append((bias - beta) * inverse + mean)
    return [np.asarray(x, np.float32) for x in unfolded]
