"""An export's own copy of the weights, in the precision that goes to disk."""

from collections.abc import Mapping

import keras
import tensorflow as tf

WEIGHTS_DTYPES = ("float32", "bfloat16", "float16")


class StoredWeights(tf.Module):
    """Weights kept in half precision if asked, and cast back where a call begins.

    Matrices and kernels alone are halved: biases, means and deviations are a thousandth of the
    size, and their range may not fit. All arithmetic stays in float32, so a CPU without
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
        for name, variable in read.items():
            value = tf.convert_to_tensor(variable.value)
            halved = value.dtype.is_floating and len(value.shape) > 1
            kept = tf.cast(value, dtype) if halved else value
            # Compared in float32, for a weight that was infinite before is no fault of the dtype.
            if not bool(tf.reduce_all(tf.math.is_finite(tf.cast(kept, tf.float32)))):
                raise ValueError(
                    f"`weights_dtype` must hold every weight, and {name!r} leaves its range or is "
                    f"not finite: 'bfloat16' has float32's. Received: weights_dtype={dtype!r}"
                )
            self.stored.append(tf.Variable(kept, trainable=False, name=name.replace("/", "_")))

    def in_use(self) -> keras.StatelessScope:
        """Returns a scope in which the models read these weights in place of their own."""
        return keras.StatelessScope([(v, tf.cast(own, v.dtype)) for v, own in self._pairs()])
