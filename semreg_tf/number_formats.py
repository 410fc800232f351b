"""The choice between float32 and bfloat16 by the speed of a matrix product on this machine.

A processor without bfloat16 instructions supports the format too, without warning, at about half
the speed of float32, so the speed is measured.
"""

import functools
import logging
import statistics
import time

import tensorflow as tf

logger = logging.getLogger(__name__)
# The product has the decoder's size.
_ROWS, _DEPTH, _COLUMNS = 256, 512, 2048
_PRODUCTS, _ROUNDS = 4, 7
# Lowest ratio for which bfloat16 is chosen: casts of weights and activations cost some of the gain.
_MIN_RATIO = 1.1
# Networks with depthwise convolutions, which are slower in bfloat16 on a CPU (measured,
# docs/training.md).
_DEPTHWISE = ("efficientnet", "mobilenet")
HALF = "mixed_bfloat16"


@functools.cache
def bfloat16_ratio() -> float:
    """Returns the speed of a matrix product in bfloat16 relative to float32 on this machine.

    It is measured once per process, in a tenth of a second, on the device that TensorFlow chooses;
    the result is the median of interleaved rounds.
    """
    products = {dtype: _product(dtype) for dtype in (tf.float32, tf.bfloat16)}
    ratios = []
    for _ in range(_ROUNDS):
        secs = {dtype: _seconds(product) for dtype, product in products.items()}
        ratios.append(secs[tf.float32] / secs[tf.bfloat16])
    return statistics.median(ratios)


def chosen_precision(precision: str, encoder: str, encoder_trains: bool) -> str:
    """Returns the precision of training, and warns if it is slow on this machine.

    Args:
      precision: `Config.precision`; "auto" is replaced by the faster precision.
      encoder: the CNN's name.
      encoder_trains: whether training steps run the CNN.

    Returns:
      "float32", "mixed_bfloat16" or "mixed_float16".
    """
    if precision not in ("auto", HALF):
        return precision
    depthwise = encoder_trains and encoder.startswith(_DEPTHWISE) and not _has_gpu()
    if precision == "auto":
        chosen = HALF if bfloat16_ratio() >= _MIN_RATIO and not depthwise else "float32"
        why = ", and depthwise convolutions are slower in it" if depthwise else ""
        logger.info(
            "Precision: %s (a matrix product in bfloat16 is %.2f times as fast as in float32 "
            "here%s)",
            chosen,
            bfloat16_ratio(),
            why,
        )
        return chosen
    if bfloat16_ratio() < 1:
        _warn_of_slow("precision", HALF, bfloat16_ratio())
    elif depthwise:
        logger.warning(
            "`precision` is %r, in which the depthwise convolutions of %s are slower on a CPU: "
            "use float32 or auto",
            HALF,
            encoder,
        )
    return precision


def scores_in_bfloat16(wanted: bool | str) -> bool:
    """Returns whether logits are computed in bfloat16, and warns if that is slow on this machine.

    Args:
      wanted: `DecodingConfig.bfloat16_output`; "auto" means if it is faster.
    """
    if wanted == "auto":
        return bfloat16_ratio() >= _MIN_RATIO
    if wanted and bfloat16_ratio() < 1:
        _warn_of_slow("decoding.bfloat16_output", True, bfloat16_ratio())
    return bool(wanted)


@functools.cache
def _warn_of_slow(field: str, value: object, ratio: float) -> None:
    logger.warning(
        "`%s` is %r, but this processor multiplies matrices in bfloat16 at %.2f times the speed "
        "of float32: use float32 or auto",
        field,
        value,
        ratio,
    )


def _has_gpu() -> bool:
    return bool(tf.config.list_logical_devices("GPU"))


def _product(dtype: tf.DType) -> tf.types.experimental.PolymorphicFunction:
    left = tf.cast(tf.random.stateless_normal((_ROWS, _DEPTH), (1, 2)), dtype)
    right = tf.cast(tf.random.stateless_normal((_DEPTH, _COLUMNS), (3, 4)), dtype)

    @tf.function
    def product() -> tf.Tensor:
        return tf.reduce_sum(tf.matmul(left, right))

    product()
    return product


def _seconds(product: tf.types.experimental.PolymorphicFunction) -> float:
    started = time.perf_counter()
    for _ in range(_PRODUCTS):
        # Reading the value waits for a GPU's work.
        float(product())
    return time.perf_counter() - started
