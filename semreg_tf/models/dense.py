"""Dense layers of the decoder, which are built when they are created."""

import keras


def uniform_initializer(limit: float | None, default: str = "glorot_uniform") -> object:
    """Returns im2txt's uniform initialiser, or `default` if `limit` is None."""
    return default if limit is None else keras.initializers.RandomUniform(-limit, limit)


def built_dense(
    name: str,
    units: int,
    input_size: int,
    initializer_range: float | None,
    dtype_policy: object,
    **options: object,
) -> keras.layers.Dense:
    """Returns a built dense layer; its kernel has im2txt's uniform range, unless that is None."""
    layer = keras.layers.Dense(
        units,
        kernel_initializer=uniform_initializer(initializer_range),
        name=name,
        dtype=dtype_policy,
        **options,
    )
    layer.build((None, input_size))
    return layer
