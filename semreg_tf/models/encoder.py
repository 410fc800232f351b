"""The encoders, CNNs (f_enc of eq. 1), in one registry: a new CNN is one entry of `ENCODERS`.

Every encoder is a functional model from `{"image": (batch, size, size, 3) float32}`, normalised by
`image_ops.normalise` in the mode its spec names, to `{"features": (batch, d),
"spatial_features": (batch, cells, channels)}`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import keras

from semreg_tf.config import Config, EncoderConfig
from semreg_tf.models.caffenet import build_alexnet, build_caffenet
from semreg_tf.models.efficientnet_lite import SCALES, build_efficientnet_lite
from semreg_tf.models.efficientnet_lite_weights import find_imagenet_weights, load_lite_weights
from semreg_tf.models.encoder_weights import load_weights
from semreg_tf.models.keras_applications import (
    Application,
    find_application,
    input_size,
    preprocessing,
)
from semreg_tf.models.small_cnn import build_small_cnn
from semreg_tf.models.squeezenet import build_squeezenet_v1_1
from semreg_tf.registered_encoders import REGISTERED

# (images, with_top, and `dropout` if there is an fc7) -> the last map, and fc7 or None.
Build = Callable[..., tuple[keras.KerasTensor, keras.KerasTensor | None]]
# Names of the dropout layers after the fully connected layers.
FC_DROPOUT_LAYERS = ("fc6_dropout", "fc7_dropout")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EncoderSpec:
    """The definition of a CNN, without weights.

    Attributes:
      build: (images, with_top) -> the last map before pooling, and fc7 or None; for a CNN with fc7
        it takes `dropout`, the rate of the dropout after the fully connected layers.
      default_size: side of the square input in pixels.
      preprocessing: a mode of `image_ops.normalise`.
      native_features: the meaning of `pooling="native"`: "fc7", "average" or "average_max".
      imagenet_build: `build` with ImageNet weights that Keras downloads, or None.
      imagenet_file: returns the file of ImageNet weights from a pip package, or None.
      load_file: sets the weights from a file: (encoder, path, encoder's name).
      weights_hint: for error messages, how to get a weights file.
      fine_tuning_momentum: momentum of batch normalisation's moving statistics for training on from
        loaded weights; None: the layers' own momentum.
    """

    build: Build
    default_size: int
    preprocessing: str
    native_features: Literal["fc7", "average", "average_max"] = "average"
    imagenet_build: Build | None = None
    imagenet_file: Callable[[], Path] | None = None
    load_file: Callable[[keras.Model, str, str], None] = load_weights
    weights_hint: str = "give the path of a weights file"
    fine_tuning_momentum: float | None = None


def _application_spec(application: Application, **fields: Any) -> EncoderSpec:
    return EncoderSpec(
        build=application.build,
        imagenet_build=partial(application.build, weights="imagenet"),
        default_size=input_size(application.function),
        preprocessing=preprocessing(application.function),
        **fields,
    )


def _efficientnet_lite(name: str) -> EncoderSpec:
    return EncoderSpec(
        partial(build_efficientnet_lite, scale=SCALES[name]),
        SCALES[name].size,
        "efficientnet_lite",
        imagenet_file=partial(find_imagenet_weights, name),
        load_file=load_lite_weights,
    )


_CAFFE_HINT = "convert the published .caffemodel with data_prep.convert_caffe_weights"

ENCODERS = {
    # im2txt's encoder, with its batch-normalisation decay (its epsilon is Keras's default).
    "inception_v3": _application_spec(
        Application(keras.applications.InceptionV3), fine_tuning_momentum=0.9997
    ),
    # fc7 after its ReLU. The map is conv5_3 (14 x 14), the one that Xu et al. (2015) attend to.
    "vgg16": _application_spec(
        Application(keras.applications.VGG16, spatial_layer="block5_conv3", top_layer="fc2"),
        native_features="fc7",
    ),
    "caffenet": EncoderSpec(
        build_caffenet, 227, "caffe", native_features="fc7", weights_hint=_CAFFE_HINT
    ),
    "alexnet": EncoderSpec(
        build_alexnet, 227, "caffe", native_features="fc7", weights_hint=_CAFFE_HINT
    ),
    "squeezenet_v1_1": EncoderSpec(build_squeezenet_v1_1, 227, "caffe"),
    **{name: _efficientnet_lite(name) for name in SCALES},
    # The maximum tells whether an object is present, the average how much of the image it covers.
    "small_cnn": EncoderSpec(build_small_cnn, 96, "inception", native_features="average_max"),
}


def encoder_spec(name: str) -> EncoderSpec:
    """Returns the spec of an encoder of `ENCODERS`, a registered one, or one of Keras.

    Raises:
      ValueError: no encoder has that name.
    """
    if name in ENCODERS:
        return ENCODERS[name]
    if name in REGISTERED:
        return EncoderSpec(**REGISTERED[name])
    function = find_application(name)
    if function is None:
        raise ValueError(
            f"`encoder.name` must be one of {', '.join(map(repr, sorted(ENCODERS)))}, the name of "
            "a network in keras.applications, such as 'resnet50', or one registered by a module "
            f"that --import names. Received: encoder.name={name!r}"
        )
    return _application_spec(Application(function))


def input_side(config: Config) -> int:
    """Returns the side of the encoder's input in pixels."""
    return config.image.size or encoder_spec(config.encoder.name).default_size


def pooling_of(config: EncoderConfig) -> str:
    """Returns the kind of the features: "fc7", "average" or "average_max"."""
    native = config.pooling == "native"
    return encoder_spec(config.name).native_features if native else config.pooling


def _pool(spatial: keras.KerasTensor, pooling: str) -> keras.KerasTensor:
    if pooling == "average":
        return keras.layers.GlobalAveragePooling2D(name="features")(spatial)
    parts = [
        keras.layers.GlobalAveragePooling2D(name="average")(spatial),
        keras.layers.GlobalMaxPooling2D(name="maximum")(spatial),
    ]
    return keras.layers.Concatenate(name="features")(parts)


def _choose_build(config: EncoderConfig, spec: EncoderSpec, size: int, with_top: bool) -> Build:
    if config.weights != "imagenet" or spec.imagenet_file is not None:
        return spec.build
    if spec.imagenet_build is None:
        raise ValueError(
            f"`weights` may be 'imagenet' only if Keras or a pip package has such weights; for "
            f"{config.name!r} {spec.weights_hint}, or train from random weights with "
            "--config.encoder.weights=null. Received: weights='imagenet'"
        )
    if with_top and size != spec.default_size:
        raise ValueError(
            f"`image_size` must be {spec.default_size} for the fully connected layers of "
            f"{config.name!r}, or `pooling` 'average'. Received: image_size={size}"
        )
    return spec.imagenet_build


def build_encoder(
    config: EncoderConfig,
    image_size: int | None = None,
    name: str = "encoder",
    load_first_weights: bool = True,
) -> keras.Model:
    """Builds f_enc of eq. (1) and loads its initial weights.

    The concept head applies `feature_dropout`. With `fc_dropout`, a trainable encoder has dropout
    after its fully connected layers, if it has such layers.

    Args:
      config: the CNN, its weights, and its pooling. With `trainable=False` the model is not
        trainable, and its batch-normalisation statistics never change.
      image_size: side of the square input in pixels; None: the encoder's default.
      name: the model's name.
      load_first_weights: False if other weights will replace them; no file is then read.

    Returns:
      A functional model from `{"image": (batch, size, size, 3)}` to `{"features": (batch, d),
      "spatial_features": (batch, cells, channels)}`, in the compute dtype.

    Raises:
      ValueError: an unknown name, an input that is too small, or weights that do not fit.
      FileNotFoundError: there is no weights file at that path.

    Example:
      encoder = build_encoder(EncoderConfig(name="small_cnn", weights=None))
      features = encoder({"image": images})["features"]
    """
    spec = encoder_spec(config.name)
    size = spec.default_size if image_size is None else image_size
    pooling = pooling_of(config)
    build = spec.build
    if load_first_weights:
        build = _choose_build(config, spec, size, with_top=pooling == "fc7")
    inputs = keras.Input((size, size, 3), name="image")
    try:
        has_dropout = pooling == "fc7" and config.trainable and config.fc_dropout
        options = {"dropout": config.fc_dropout} if has_dropout else {}
        spatial, top = build(inputs, pooling == "fc7", **options)
    except ValueError as error:
        if build is spec.imagenet_build:
            raise
        raise ValueError(
            f"`image_size` is too small for {config.name!r}, whose default is "
            f"{spec.default_size}. Received: image_size={size}"
        ) from error
    if pooling == "fc7":
        features = keras.layers.Identity(name="features")(top)
    else:
        features = _pool(spatial, pooling)
    cells = keras.layers.Reshape((-1, spatial.shape[-1]), name="spatial_features")(spatial)
    outputs = {"features": features, "spatial_features": cells}
    encoder = keras.Model({"image": inputs}, outputs, name=name)
    if load_first_weights:
        _load_first_weights(encoder, config, spec)
    if config.weights is not None and spec.fine_tuning_momentum is not None:
        set_batch_norm_momentum(encoder, spec.fine_tuning_momentum)
    encoder.trainable = bool(config.trainable)
    return encoder


def _load_first_weights(encoder: keras.Model, config: EncoderConfig, spec: EncoderSpec) -> None:
    if config.weights is None:
        logger.info("Encoder %s: random weights", config.name)
        return
    if config.weights != "imagenet":
        spec.load_file(encoder, config.weights, config.name)
    elif spec.imagenet_file is not None:
        spec.load_file(encoder, str(spec.imagenet_file()), config.name)
    else:
        logger.info("Encoder %s: ImageNet weights of keras.applications", config.name)


def fc_dropout_layers(encoder: keras.Model) -> list[keras.layers.Layer]:
    """Returns the dropout layers after the encoder's fully connected layers."""
    return [layer for layer in encoder.layers if layer.name in FC_DROPOUT_LAYERS]


def stored_variables(encoder: keras.Model) -> list[keras.Variable]:
    """Returns the encoder's variables without the seed states of `fc_dropout`.

    Training seeds that dropout from (seed, step), and checkpoints and caches must be
    interchangeable between a CNN with it and one without.
    """
    seeds = {id(v) for layer in fc_dropout_layers(encoder) for v in layer.variables}
    return [v for v in encoder.variables if id(v) not in seeds]


def batch_norm_layers(encoder: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Returns the encoder's batch-normalisation layers, in the order of its layers."""
    return [x for x in encoder.layers if isinstance(x, keras.layers.BatchNormalization)]


def set_batch_norm_momentum(encoder: keras.Model, momentum: float) -> None:
    """Sets the momentum of the encoder's batch-normalisation layers."""
    for layer in batch_norm_layers(encoder):
        layer.momentum = momentum
