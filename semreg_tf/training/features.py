"""The inputs of models, with the cached features of a frozen encoder."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from semreg_tf.config import Config
from semreg_tf.data import batch, features_cache
from semreg_tf.data.fixed_views import fixed_views
from semreg_tf.data.input_pipeline import Inputs, Split, evaluation_batches
from semreg_tf.data.tag_neighbours import Neighbours, load_or_find
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.concept_head import STANDARDISE
from semreg_tf.models.encoder import encoder_spec, input_side, pooling_of, stored_variables

BATCH_SIZE = 32


def cached_keys(config: Config) -> tuple[str, ...]:
    """Returns the keys of a frozen encoder's outputs that the models read."""
    return (batch.FEATURES, batch.SPATIAL_FEATURES) if config.reads_map else (batch.FEATURES,)


def head_keys(config: Config) -> tuple[str, ...]:
    """Returns the `cached_keys` that the concept head reads."""
    return cached_keys(config) if config.concepts.places.kind == "cells" else (batch.FEATURES,)


def visual_keys(config: Config) -> tuple[str, ...]:
    """Returns the keys of the image as an input: the image, or cached outputs of a frozen CNN."""
    return (batch.IMAGE,) if config.encoder.trainable else cached_keys(config)


def side_keys(config: Config) -> tuple[str, ...]:
    """Returns the keys of further inputs of the models: user tags, groups, neighbours."""
    neighbours = (batch.NEIGHBOUR_FEATURES, batch.NEIGHBOUR_MASK)
    return (
        *((batch.USER_TAGS,) if config.reads_user_tags else ()),
        *((batch.GROUPS,) if batch.GROUPS in config.observed_layers else ()),
        *(neighbours if config.concepts.neighbours is not None else ()),
    )


def model_inputs(
    annotator: Annotator,
    split: Split,
    keys: tuple[str, ...],
    folder: str | Path,
    train: Callable[[], Split],
    views: int | None = None,
) -> Inputs:
    """Returns the inputs of a model from a split; outputs of a frozen encoder are cached.

    Args:
      annotator: the model, whose encoder computes outputs that are not cached yet.
      split: the split.
      keys: keys of `semreg_tf.data.batch`.
      folder: the folder of the cache.
      train: returns the training split, for the search of neighbours.
      views: number of cached views of each image; None: those that evaluation reads.
    """
    config = annotator.config
    views = config.image.test_views if views is None else views
    return Inputs(
        split,
        keys,
        config.image,
        input_side(config),
        encoder_spec(config.encoder.name).preprocessing,
        **frozen_outputs(annotator, split, folder, keys, train, views),
    )


def frozen_outputs(
    annotator: Annotator,
    split: Split,
    folder: str | Path,
    keys: tuple[str, ...],
    train: Callable[[], Split],
    views: int = 1,
) -> dict[str, Any]:
    """Returns a frozen encoder's cached outputs among the keys, as arguments of `Inputs`.

    Arguments as for `model_inputs`.
    """
    config = annotator.config
    outputs: dict[str, Any] = {
        key: frozen_features(config, annotator, split, folder, views, key)
        for key in (batch.FEATURES, batch.SPATIAL_FEATURES)
        if key in keys
    }
    if batch.NEIGHBOUR_FEATURES in keys:
        neighbours = config.concepts.neighbours
        pool = split if neighbours.pool == "split" else train()
        rows = load_or_find(folder, split.tag_sets(), pool.tag_sets(), neighbours.count)
        outputs["neighbours"] = Neighbours(rows, frozen_features(config, annotator, pool, folder))
    return outputs


def frozen_features(
    config: Config,
    annotator: Annotator,
    split: Split,
    folder: str | Path,
    views: int = 1,
    output: str = batch.FEATURES,
) -> np.ndarray:
    """Returns a frozen encoder's outputs of a split from the cache, which it fills if needed.

    The average and the maximum of the map are both cached, so that runs with either pooling share
    the cache at twice the size; the map itself would take 49 to 196 times the size.

    Args:
      config: the experiment.
      annotator: the model, whose encoder runs in inference mode.
      split: the split.
      folder: the folder of the cache.
      views: 1: the centre crop; 2: and its mirror image; 10: Caffe's five crops and their mirror
        images.
      output: "features", or "spatial_features" for the map before pooling.

    Returns:
      float32, memory-mapped: features (images, views, d), the centre view first; maps (images,
      views, cells, d); features of crops (images, 1, crops, d).
    """
    mode = encoder_spec(config.encoder.name).preprocessing
    size = input_side(config)
    of_crops = annotator.crops is not None
    by_place = of_crops or output == batch.SPATIAL_FEATURES
    pooled = not by_place and pooling_of(config.encoder) != "fc7"
    cells, channels = annotator.encoder.output["spatial_features"].shape[1:]
    if of_crops:
        # Crops are read together, like cells of a map, and have no further views.
        views, cells, channels = 1, len(annotator.crops.boxes), annotator.feature_size
    key = features_cache.cache_key(
        (np.asarray(v) for v in stored_variables(annotator.encoder)),
        encoder=config.encoder.name,
        pooling="average_max" if pooled or output != batch.FEATURES else config.encoder.pooling,
        size=size,
        mode=mode,
        resize_ratio=config.image.resize_ratio,
        views=views,
        split=split.name,
        image_ids=[str(i) for i in split.encoded.image_ids],
        # Without them for features in float32, so that caches of earlier versions stay valid.
        **_named_where_not("output", output, batch.FEATURES),
        **_named_where_not("precision", annotator.encoder.compute_dtype, "float32"),
        **({"crops": list(annotator.crops.boxes)} if of_crops else {}),
    )

    @tf.function(reduce_retracing=True)
    def encode(images: tf.Tensor) -> tf.Tensor:
        outputs = annotator.encode_images(images)
        stored = tf.cast(outputs[output], tf.float32)
        if by_place:
            return tf.reshape(stored, (-1, cells * channels))
        if pooled:
            grid = tf.cast(outputs["spatial_features"], tf.float32)
            return tf.concat([tf.reduce_mean(grid, 1), tf.reduce_max(grid, 1)], 1)
        return stored

    def compute(first: int) -> Iterator[np.ndarray]:
        inputs = Inputs(split, (batch.IMAGE,), config.image, size, mode)
        dataset = evaluation_batches(inputs, BATCH_SIZE)
        for tensors in itertools.islice(dataset, first // BATCH_SIZE, None):
            by_view = [encode(view) for view in fixed_views(tensors[batch.IMAGE], views)]
            yield np.stack([x.numpy() for x in by_view], axis=1)

    width = cells * channels if by_place else 2 * channels if pooled else annotator.feature_size
    title = "crops' features" if of_crops else output.replace("_", " ")
    shape = (split.num_images, views, width)
    cached = features_cache.load_or_compute(folder, key, shape, compute, title)
    if by_place:
        return cached.reshape(split.num_images, views, cells, channels)
    # For the pooling "average", only the first half is read.
    return cached[..., : annotator.feature_size]


def _named_where_not(name: str, value: str, usual: str) -> dict[str, str]:
    return {} if value == usual else {name: value}


def set_feature_statistics(annotator: Annotator, batches: Iterable[np.ndarray]) -> None:
    """Sets the head's standardisation from features of the training split.

    Args:
      annotator: a model whose head standardises.
      batches: arrays (rows, d), or for crops (rows, crops, d), of which only the first, the whole
        image, is used.
    """
    count, total, squares = 0, 0.0, 0.0
    for features in batches:
        whole = features[:, 0] if np.ndim(features) == 3 else features
        values = np.asarray(whole, np.float64)
        count += len(values)
        total, squares = total + values.sum(0), squares + np.square(values).sum(0)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    annotator.head.get_layer(STANDARDISE).set_statistics(mean, deviation)
