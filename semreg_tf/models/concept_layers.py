"""Message passing between layers of concepts, from coarse to fine and back (Hu et al. 2016)."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from semreg_tf.config import Config

# Ours: masked weights are initialised as |N(0, 0.01)|.
MASKED_DEVIATION = 0.01
# Step of the layer index per direction: "down" goes from coarse to fine.
_STEPS = {"down": 1, "up": -1}
_SIGNS = ("positive", "negative")
MESSAGES = "messages"
# All layers, coarse to fine; "concepts", the labels, is in every model.
_LAYERS = ("groups", "concepts", "user_tags")


@keras.saving.register_keras_serializable("semreg_tf")
class MessagePassing(keras.layers.Layer):
    """Maps the scores of all layers' concepts to the logits of the predicted layers.

    Hu et al. 2016, with layers l from coarse to fine and scores x_l. In the linear form

        down_l = V_(l-1) down_(l-1) + H_l x_l + b_l
        up_l = V'_(l+1) up_(l+1) + H'_l x_l + b'_l
        a_l = U_l down_l + U'_l up_l + b''_l

    where all matrices are separate and full. In the signed forms, each of H, V, H' and V' is a pair
    of matrices, masked by the positive and by the negative relations:

        signed: down_l = relu(V+ down) + relu(H+ x) - relu(V- down) - relu(H- x) + b
        signed_sum: down_l = relu(V+ down + H+ x) - relu(V- down + H- x) + b

    and up_l likewise. The weights themselves may have either sign (ours). Weights that no predicted
    layer depends on are not created.

    Args:
      form: "linear", "signed" or "signed_sum".
      sizes: number of concepts of each layer, coarse to fine.
      predicted: indices of the layers whose logits are returned.
      **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(
        self, form: str, sizes: Sequence[int], predicted: Sequence[int], **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        self.form, self.sizes, self.predicted = form, list(sizes), list(predicted)
        # The layers that each direction visits, in order.
        self._order = {
            "down": range(max(self.predicted) + 1),
            "up": range(len(self.sizes) - 1, min(self.predicted) - 1, -1),
        }

    def build(self, input_shape: object = None) -> None:
        """Creates the weights; all relations are on until `set_relations`."""
        # Keys: (direction, source layer, layer), (direction, layer) or layer.
        self._maps, self._masks, self._biases, self._readouts, self._output_biases = (
            {} for _ in range(5)
        )
        for direction, order in self._order.items():
            for layer in order:
                for source in self._sources(direction, layer):
                    self._add_map(direction, source, layer)
                self._biases[direction, layer] = self._bias(f"{direction}_{layer}", layer)
        for layer in self.predicted:
            for direction in _STEPS:
                name = f"{direction}_{layer}_readout"
                self._readouts[direction, layer] = self._matrix(name, layer, layer)
            self._output_biases[layer] = self._bias(f"readout_{layer}", layer)

    def set_relations(
        self, relations: Mapping[tuple[int, int], tuple[np.ndarray, np.ndarray]]
    ) -> None:
        """Sets the masks of the signed forms.

        Args:
          relations: (source layer, layer) -> positive and negative relations, each 0/1 (source
            concepts, concepts), for each layer with itself and with its neighbours.
        """
        for (_, source, layer), masks in self._masks.items():
            for mask, values in zip(masks, relations[source, layer], strict=True):
                mask.assign(values)

    def output_bias(self, layer: int) -> keras.Variable:
        """Returns the bias of a predicted layer's logits, (concepts,)."""
        return self._output_biases[layer]

    def call(self, scores: list[tf.Tensor]) -> list[tf.Tensor]:
        """Returns each predicted layer's a_l from all layers' x_l, each (batch, concepts)."""
        states = {direction: self._states(direction, scores) for direction in _STEPS}
        logits = []
        for layer in self.predicted:
            parts = [tf.matmul(states[d][layer], self._readouts[d, layer]) for d in _STEPS]
            logits.append(sum(parts) + self._output_biases[layer])
        return logits

    def _sources(self, direction: str, layer: int) -> list[int]:
        """Returns the layers that send a layer messages: itself (its scores) and the previous."""
        before = layer - _STEPS[direction]
        return [layer, before] if before in self._order[direction] else [layer]

    def _states(self, direction: str, scores: list[tf.Tensor]) -> dict[int, tf.Tensor]:
        states: dict[int, tf.Tensor] = {}
        for layer in self._order[direction]:
            messages = []
            for source in self._sources(direction, layer):
                values = scores[layer] if source == layer else states[source]
                kernels = self._kernels(direction, source, layer)
                messages.append([tf.matmul(values, kernel) for kernel in kernels])
            states[layer] = self._joined(messages) + self._biases[direction, layer]
        return states

    def _kernels(self, *key: str | int) -> list[tf.Tensor]:
        """Returns the matrix of a map; in the signed forms its positive and negative matrices."""
        kernels = self._maps[key]
        if self.form == "linear":
            return kernels
        return [kernel * mask for kernel, mask in zip(kernels, self._masks[key], strict=True)]

    def _joined(self, messages: list[list[tf.Tensor]]) -> tf.Tensor:
        if self.form == "linear":
            return sum(message for (message,) in messages)
        positive, negative = zip(*messages, strict=True)
        if self.form == "signed_sum":
            return tf.nn.relu(sum(positive)) - tf.nn.relu(sum(negative))
        return sum(map(tf.nn.relu, positive)) - sum(map(tf.nn.relu, negative))

    def _add_map(self, direction: str, source: int, layer: int) -> None:
        name, key = f"{direction}_{source}_to_{layer}", (direction, source, layer)
        if self.form == "linear":
            self._maps[key] = [self._matrix(name, source, layer)]
            return
        shape = self.sizes[source], self.sizes[layer]
        self._maps[key] = [
            self.add_weight(name=f"{name}_{sign}", shape=shape, initializer=_masked_initializer)
            for sign in _SIGNS
        ]
        self._masks[key] = [
            self.add_weight(
                name=f"{name}_{sign}_mask", shape=shape, initializer="ones", trainable=False
            )
            for sign in _SIGNS
        ]

    def _matrix(self, name: str, source: int, layer: int) -> keras.Variable:
        shape = self.sizes[source], self.sizes[layer]
        return self.add_weight(name=name, shape=shape, initializer="glorot_uniform")

    def _bias(self, name: str, layer: int) -> keras.Variable:
        return self.add_weight(name=f"{name}_bias", shape=(self.sizes[layer],), initializer="zeros")

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> list[tuple]:
        """Returns the shape (batch, concepts) of each predicted layer."""
        return [(input_shape[0][0], self.sizes[layer]) for layer in self.predicted]


def _masked_initializer(shape: tuple[int, ...], dtype: object = None) -> tf.Tensor:
    draw = keras.initializers.RandomNormal(stddev=MASKED_DEVIATION)
    return keras.ops.abs(draw(shape, dtype=dtype))


def observed_scores(truth: keras.KerasTensor, epsilon: float) -> keras.KerasTensor:
    """Returns an observed layer's scores: log((1 - e) / e) for present concepts, else minus it.

    Args:
      truth: ground truth, 0/1 (batch, concepts).
      epsilon: e, above 0 and below 1/2.
    """
    return (2.0 * truth - 1.0) * float(np.log((1.0 - epsilon) / epsilon))


def concept_layer_names(config: Config) -> tuple[str, ...]:
    """Returns the names of the model's layers of concepts, coarse to fine."""
    names = {"concepts", *config.observed_layers, *config.predicted_layers}
    return tuple(name for name in _LAYERS if name in names)


def layer_output(layer: str) -> str:
    """Returns the name of the head's output that holds a predicted layer's logits."""
    return f"{layer}_logits"


def layer_logits(
    config: Config, num_concepts: int, inputs: dict[str, keras.KerasTensor]
) -> dict[str, keras.KerasTensor]:
    """Returns the logits of each predicted layer of concepts (Hu et al. 2016).

    The inputs are `features` (batch, d) and the truth of each observed layer (batch, concepts).

    Returns:
      Layer name -> logits, (batch, concepts) float32; "concepts" are the labels.
    """
    layers, names = config.concepts.layers, concept_layer_names(config)
    widths = {
        "groups": config.data.num_groups,
        "concepts": num_concepts,
        "user_tags": config.data.num_user_tags,
    }
    scores, predicted = [], []
    for place, name in enumerate(names):
        if name in config.observed_layers:
            scores.append(observed_scores(inputs[name], layers.observed_epsilon))
            continue
        predicted.append(place)
        dense = keras.layers.Dense(widths[name], dtype="float32", name=f"{name}_scores")
        scores.append(dense(inputs["features"]))
    sizes = [widths[name] for name in names]
    messages = MessagePassing(layers.form, sizes, predicted, dtype="float32", name=MESSAGES)
    return dict(zip((names[i] for i in predicted), messages(scores), strict=True))
