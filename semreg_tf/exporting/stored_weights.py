"""An export's own copy of the weights, in the precision that goes to disk."""

import hashlib
from collections.abc import Mapping

import keras
import tensorflow as tf

WEIGHTS_DTYPES = ("float32", "bfloat16", "float16", "int8")
# Eight bits for a matrix, from -127 to 127; a column's largest weight takes the last of them.
_LARGEST = 127.0


class StoredWeights(tf.Module):
    """Weights kept in half precision or in eight bits if asked, and cast back where a call begins.

    With "int8" each column of a matrix is rounded to 255 steps of its own, and kernels of
    convolutions are float16. Biases, means and deviations are a thousandth of the size, and their
    range may not fit: they stay float32. All arithmetic stays in float32, so a CPU without
    half-precision units is as fast; a call pays the cast once, whatever its batch.

    Args:
      variables: the models' variables by name. States of random numbers are left out: nothing is
        drawn in a forward pass.
      dtype: one of `WEIGHTS_DTYPES`.

    Raises:
      ValueError: an unknown dtype, or a weight beyond its range.
    """

    def __init__(self, variables: Mapping[str, keras.Variable], dtype: str = "float32") -> None:
        super().__init__(name="weights")
        if dtype not in WEIGHTS_DTYPES:
            raise ValueError(
                f"`weights_dtype` must be one of {', '.join(map(repr, WEIGHTS_DTYPES))}. "
                f"Received: weights_dtype={dtype!r}"
            )
        read = {n: v for n, v in variables.items() if v.name != "seed_generator_state"}
        # In a function, for a module's own attributes would be saved with it: the weights twice.
        self._pairs = lambda: zip(read.values(), self.stored, strict=True)
        self.stored = []
        # Of the matrices in eight bits, the steps of their columns, by place among `stored`.
        self.scales = {}
        for place, (name, variable) in enumerate(read.items()):
            value = tf.convert_to_tensor(variable.value)
            halved = value.dtype.is_floating and len(value.shape) > 1
            kept = value
            if dtype == "int8" and halved and len(value.shape) == 2:
                kept, scale = _in_eight_bits(value)
                self.scales[str(place)] = tf.Variable(scale, trainable=False, name=f"scale_{place}")
            elif halved:
                kept = tf.cast(value, "float16" if dtype == "int8" else dtype)
            # Compared in float32, for a weight that was infinite before is no fault of the dtype.
            if not bool(tf.reduce_all(tf.math.is_finite(tf.cast(kept, tf.float32)))):
                raise ValueError(
                    f"`weights_dtype` must hold every weight, and {name!r} leaves its range or is "
                    f"not finite: 'bfloat16' has float32's. Received: weights_dtype={dtype!r}"
                )
            self.stored.append(tf.Variable(kept, trainable=False, name=name.replace("/", "_")))

    def in_use(self) -> keras.StatelessScope:
        """Returns a scope in which the models read these weights in place of their own."""
        return keras.StatelessScope(
            [(v, self._whole(place, own, v.dtype)) for place, (v, own) in enumerate(self._pairs())]
        )

    def _whole(self, place: int, own: tf.Variable, dtype: str) -> tf.Tensor:
        scale = self.scales.get(str(place))
        return tf.cast(own, dtype) if scale is None else tf.cast(own, dtype) * scale

    def digest(self) -> str:
        """Returns the SHA-256 of all that is stored, a matrix's steps behind the matrix."""
        digest = hashlib.sha256()
        for place, variable in enumerate(self.stored):
            digest.update(variable.numpy().tobytes())
            if str(place) in self.scales:
                digest.update(self.scales[str(place)].numpy().tobytes())
        return digest.hexdigest()


def _in_eight_bits(matrix: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns whole numbers from -127 to 127, int8, and each column's step, (columns,) float32."""
    largest = tf.reduce_max(tf.abs(matrix), axis=0)
    # A column of zeros has any step.
    scale = tf.where(largest > 0, largest / _LARGEST, 1.0)
    return tf.cast(tf.round(matrix / scale), tf.int8), scale
