"""An export's copy of the weights, in the dtype of the files."""

import hashlib
from collections.abc import Mapping

import keras
import tensorflow as tf

WEIGHTS_DTYPES = ("float32", "bfloat16", "float16", "int8")
# Matrices in eight bits have values from -127 to 127; a column's largest weight is ±127.
_LARGEST = 127.0


class StoredWeights(tf.Module):
    """Weights stored in a dtype, and cast back to float32 at the start of each call.

    With "int8", each column of a matrix is rounded to 255 values with a step of its own, and
    kernels of convolutions are float16. Biases, means and deviations stay in float32, because they
    are only a thousandth of the size and may not fit the range. All arithmetic is in float32, so
    CPUs without half-precision units are as fast; each call casts once, for any batch size.

    Args:
      variables: name -> variable of the models. States of random generators are left out, because
        the forward pass draws no random numbers.
      dtype: one of `WEIGHTS_DTYPES`.

    Raises:
      ValueError: the dtype is unknown, or a weight is outside its range.
    """

    def __init__(self, variables: Mapping[str, keras.Variable], dtype: str = "float32") -> None:
        super().__init__(name="weights")
        if dtype not in WEIGHTS_DTYPES:
            raise ValueError(
                f"`weights_dtype` must be one of {', '.join(map(repr, WEIGHTS_DTYPES))}. "
                f"Received: weights_dtype={dtype!r}"
            )
        read = {n: v for n, v in variables.items() if v.name != "seed_generator_state"}
        # A function, because a module's attributes are saved with it: the weights would be twice.
        self._pairs = lambda: zip(read.values(), self.stored, strict=True)
        self.stored = []
        # Index in `stored` of a matrix in eight bits -> the steps of its columns.
        self.scales = {}
        for place, (name, variable) in enumerate(read.items()):
            value = tf.convert_to_tensor(variable.value)
            halved = value.dtype.is_floating and len(value.shape) > 1
            stored = value
            if dtype == "int8" and halved and len(value.shape) == 2:
                stored, scale = _in_eight_bits(value)
                self.scales[str(place)] = tf.Variable(scale, trainable=False, name=f"scale_{place}")
            elif halved:
                stored = tf.cast(value, "float16" if dtype == "int8" else dtype)
            if not bool(tf.reduce_all(tf.math.is_finite(tf.cast(stored, tf.float32)))):
                raise ValueError(
                    f"`weights_dtype` must hold every weight, and {name!r} leaves its range or is "
                    f"not finite: 'bfloat16' has float32's. Received: weights_dtype={dtype!r}"
                )
            self.stored.append(tf.Variable(stored, trainable=False, name=name.replace("/", "_")))

    def in_use(self) -> keras.StatelessScope:
        """Returns a scope in which the models use these weights."""
        return keras.StatelessScope(
            [(v, self._whole(i, stored, v.dtype)) for i, (v, stored) in enumerate(self._pairs())]
        )

    def _whole(self, place: int, stored: tf.Variable, dtype: str) -> tf.Tensor:
        scale = self.scales.get(str(place))
        return tf.cast(stored, dtype) if scale is None else tf.cast(stored, dtype) * scale

    def digest(self) -> str:
        """Returns the SHA-256 of all stored values; the steps of a matrix follow the matrix."""
        digest = hashlib.sha256()
        for place, variable in enumerate(self.stored):
            digest.update(variable.numpy().tobytes())
            if str(place) in self.scales:
                digest.update(self.scales[str(place)].numpy().tobytes())
        return digest.hexdigest()


def _in_eight_bits(matrix: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the matrix as int8 from -127 to 127, and each column's step, (columns,) float32."""
    largest = tf.reduce_max(tf.abs(matrix), axis=0)
    # Any step is right for a column of zeros.
    scale = tf.where(largest > 0, largest / _LARGEST, 1.0)
    return tf.cast(tf.round(matrix / scale), tf.int8), scale
