"""Conversion of signatures to a LiteRT file with builtin operations only."""

import re
import tempfile
from collections.abc import Mapping

import tensorflow as tf

# "int8" is dynamic quantisation: int8 weights, and activations quantised at run time.
LITERT_DTYPES = ("float32", "float16", "int8")
_MISSING = re.compile(r"(?:Flex|Custom) ops: ([^\n]*)")


def convert(
    module: tf.Module,
    signatures: Mapping[str, tf.types.experimental.ConcreteFunction],
    weights_dtype: str,
    name: str,
) -> bytes:
    """Returns a LiteRT file of signatures that share one copy of the module's weights.

    Raises:
      ValueError: the dtype is unknown, or the model needs other than LiteRT's builtin operations.
    """
    if weights_dtype not in LITERT_DTYPES:
        raise ValueError(
            f"`weights_dtype` must be one of {', '.join(map(repr, LITERT_DTYPES))} with "
            f"format=litert. Received: weights_dtype={weights_dtype!r}"
        )
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=dict(signatures))
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=list(signatures)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if weights_dtype != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if weights_dtype == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            return converter.convert()
        # The converter raises several types of errors for models that it cannot convert.
        except Exception as error:
            raise ValueError(
                "`workdir` must hold a model that LiteRT's builtin operations can express; leave "
                f"`format` out to write a SavedModel. Received: {name!r}, {_hindrance(error)}"
            ) from error


def _hindrance(error: Exception) -> str:
    """Returns the reason of a failed conversion in one line."""
    missing = sorted({op.strip() for x in _MISSING.findall(str(error)) for op in x.split(",")})
    if missing:
        return f"which needs {', '.join(missing)}"
    return "for which the converter says: " + " ".join(str(error).split())[:200]
