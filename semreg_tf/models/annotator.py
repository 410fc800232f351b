"""The annotator: an experiment's encoder, concept head and decoder, together as one model."""

import copy
import dataclasses
from collections.abc import Callable

import keras
import tensorflow as tf

from semreg_tf.config import Config
from semreg_tf.label_task import label_config
from semreg_tf.models.concept_head import build_concept_head
from semreg_tf.models.decoder import Decoder
from semreg_tf.models.encoder import build_encoder, fc_dropout_layers, stored_variables
from semreg_tf.models.places import GridCrops
from semreg_tf.models.views_at_test import both_views, mean_of_views

# The groups of variables, for which learning rates, clipping and freezing are set separately.
GROUPS = ("encoder", "image_head", "tag_model", "decoder")


class Annotator:
    """The models of one experiment, which share their weights.

    Attributes:
      encoder: image -> features, spatial_features; None if `feature_size` is given.
      head: features (and user tags) -> concept logits and probabilities.
      decoder: the relational model, or None for the CNN rows of the tables.
      config: the experiment.
      labels: the concept head and the decoder of the labels that a captioner predicts too, which
        read the features of `encoder`; None without labels.

    Args:
      config: the experiment.
      num_concepts: number of concepts k.
      vocab_size: number of outputs of the decoder.
      feature_size: width of precomputed features, which replace the encoder; None: the encoder is
        built.
      load_first_weights: False if the encoder's initial weights will be replaced or are not used.
      map_shape: (cells, channels) of precomputed `spatial_features`, if the decoder or the head
        reads the CNN's map.
      num_labels: number of labels for an experiment with `labels`; None: no labels.

    Example:
      >>> annotator = Annotator(config, num_concepts=20, vocab_size=21)
      >>> annotator.model.summary()
    """

    def __init__(
        self,
        config: Config,
        num_concepts: int,
        vocab_size: int,
        feature_size: int | None = None,
        load_first_weights: bool = True,
        map_shape: tuple[int, int] | None = None,
        num_labels: int | None = None,
    ) -> None:
        self.config = config
        self.encoder = None
        if feature_size is None:
            self.encoder = build_encoder(
                config.encoder, config.image.size, load_first_weights=load_first_weights
            )
            feature_size = self.encoder.output["features"].shape[-1]
            map_shape = self.encoder.output["spatial_features"].shape[1:]
        self.feature_size, self.map_shape = feature_size, map_shape
        self.num_concepts, self.vocab_size = num_concepts, vocab_size
        places = config.concepts.places
        self.crops = GridCrops(places.crop_grids, name="crops") if places.kind == "crops" else None
        self.head, self.tag_model = build_concept_head(
            config, feature_size, num_concepts, map_shape and map_shape[1]
        )
        self.decoder = None
        if config.decoder is not None:
            self.decoder = Decoder(config.decoder, config.conditionings, vocab_size, name="decoder")
            shapes = {
                "features": (None, feature_size),
                "concept_probabilities": (None, num_concepts),
            }
            if map_shape is not None:
                shapes["spatial_features"] = (None, *map_shape)
            self.decoder.build(shapes)
        self.labels: Annotator | None = None
        if num_labels is not None:
            # The outputs are the labels and END.
            sizes = num_labels, num_labels + 1
            self.labels = Annotator(label_config(config), *sizes, feature_size)

    def for_labels(self) -> "Annotator":
        """Returns the tag model of a model of captions and labels; weights are shared.

        Raises:
          ValueError: the model does not predict labels.
        """
        if self.labels is None:
            raise ValueError(
                "`annotator` must predict captions and labels. Received: a model of "
                f"{self.config.name!r} without labels"
            )
        model = copy.copy(self.labels)
        model.encoder = self.encoder
        return model

    def set_test_views(self, views: int) -> None:
        """Replaces `image.test_views` of the config.

        Raises:
          ValueError: the model cannot read so many views.
        """
        image = dataclasses.replace(self.config.image, test_views=views)
        self.config = dataclasses.replace(self.config, image=image)

    def encode(
        self,
        inputs: dict[str, tf.Tensor],
        training: bool = False,
        update_batch_norm: bool = False,
        encoder_dropout: bool = False,
        whole_image: bool = False,
        concepts_without_dropout: bool = False,
        without_dropout: bool = False,
    ) -> dict[str, tf.Tensor]:
        """Runs encoder and head.

        Args:
          inputs: `image` (batch, height, width, 3), or precomputed `features` (batch, d), for crops
            (batch, crops, d), with `spatial_features` (batch, cells, d) if they are read; and the
            head's further inputs, such as `user_tags` (batch, num_user_tags).
          training: whether dropout of features is on; otherwise, with `image.test_views` 2, outputs
            are means over an image and its mirror image, and precomputed features have both views,
            (batch, 2, d).
          update_batch_norm: whether batch normalisation uses batch statistics and updates its own.
          encoder_dropout: whether dropout after the CNN's fully connected layers is on.
          whole_image: whether only the whole image is read, for models of crops.
          concepts_without_dropout: whether concepts are predicted without dropout in training too.
          without_dropout: whether the features are not dropped in training either.

        Returns:
          `features` (batch, d), `concept_logits` and `concept_probabilities` (batch, num_concepts),
          and `spatial_features` (batch, cells, d) if the decoder reads them.
        """
        two_views = self.config.image.test_views == 2 and not training
        if two_views:
            inputs = both_views(inputs)
        encoded = self.run_encoder(inputs, update_batch_norm, encoder_dropout, whole_image)
        head_inputs = self._head_inputs(inputs, encoded)
        outputs = dict(self.head(head_inputs, training=training and not without_dropout))
        if concepts_without_dropout and training:
            outputs = {**self.head(head_inputs), "features": outputs["features"]}
        # Phases that only train the concept head may have no map.
        if self.config.reads_map and "spatial_features" in encoded:
            outputs["spatial_features"] = self._cells(encoded["spatial_features"])
        return mean_of_views(outputs) if two_views else outputs

    def encode_images(
        self, images: tf.Tensor, training: bool = False, whole_image: bool = False
    ) -> dict[str, tf.Tensor]:
        """Runs the encoder only, on every crop for models of crops; arguments as for `encode`."""

        def features_of(images: tf.Tensor) -> tf.Tensor:
            return tf.cast(
                self.encoder({"image": images}, training=training)["features"], "float32"
            )

        if self.crops is None:
            return self.encoder({"image": images}, training=training)
        if whole_image:
            return {"features": features_of(images)[:, None]}
        return {"features": self.crops.encoded(images, features_of)}

    def _encode_symbolic(self, images: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
        """Does the same as `encode_images` in a functional model."""
        if self.crops is None:
            return self.encoder({"image": images})
        features = self.encoder({"image": self.crops(images)})["features"]
        shape = (-1, len(self.crops.boxes), self.feature_size)
        return {"features": keras.ops.reshape(features, shape)}

    def _head_inputs(
        self, inputs: dict[str, tf.Tensor], encoded: dict[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Returns the head's inputs from the model's inputs and the encoder's outputs."""
        available = {**inputs, "features": encoded["features"]}
        if "spatial_features" in self.head.input:
            available["spatial_features"] = self._cells(encoded["spatial_features"])
        return {name: available[name] for name in self.head.input}

    @property
    def num_places(self) -> int:
        """Number of places of an image that the concept head scores."""
        if self.crops is not None:
            return len(self.crops.boxes)
        return self.map_shape[0] if self.config.concepts.places.kind == "cells" else 1

    def run_encoder(
        self,
        inputs: dict[str, tf.Tensor],
        update_batch_norm: bool = False,
        encoder_dropout: bool = False,
        whole_image: bool = False,
    ) -> dict[str, tf.Tensor]:
        """Returns `features` and `spatial_features`, or inputs that have features; see `encode`."""
        if "features" in inputs:
            return inputs
        # CNNs with this dropout have no batch normalisation, so `training` has one effect only.
        training = update_batch_norm or (encoder_dropout and bool(fc_dropout_layers(self.encoder)))
        return self.encode_images(inputs["image"], training, whole_image)

    def _cells(self, spatial_features: tf.Tensor) -> tf.Tensor:
        """Returns the cells of the map, normalised if features are standardised."""
        if not self.config.encoder.standardise:
            return spatial_features
        channels = spatial_features.shape[-1]
        return keras.ops.normalize(spatial_features, axis=-1) * channels**0.5

    def search_start(
        self,
        encoder_outputs: dict[str, tf.Tensor],
        input_table: tf.Tensor | None = None,
        bfloat16_output: bool = False,
    ) -> tuple[Callable, tuple[tf.Tensor, ...], tuple[dict[str, tf.Tensor], ...]]:
        """Returns the inputs of a search: the step function, the first state and the context.

        Args:
          encoder_outputs: the result of `encode`, or `concept_probabilities` only.
          input_table: the result of `decoder.input_table`, computed once outside the graph, or
            None. It is only worthwhile for many batches, because it projects the whole vocabulary.
          bfloat16_output: whether logits are computed in bfloat16.
        """
        context = self.decoder.prepare(encoder_outputs)
        weights = self.decoder.output_weights(tf.bfloat16) if bfloat16_output else None

        def step(token_ids: tf.Tensor, state: tuple, context: tuple) -> tuple[tf.Tensor, tuple]:
            return self.decoder.step(token_ids, state, context, input_table, weights)

        rows = tf.shape(next(iter(encoder_outputs.values())))[0]
        return step, self.decoder.initial_state(context, rows), context

    @property
    def model(self) -> keras.Model:
        """The annotator of one view as one functional model, with the names of `data.batch`."""
        visual = ("features", "spatial_features")
        inputs = {k: x for k, x in self.head.input.items() if k not in visual}
        if self.encoder is None:
            inputs["features"] = keras.Input(self.head.input["features"].shape[1:], name="features")
            if self.config.reads_map:
                inputs["spatial_features"] = keras.Input(self.map_shape, name="spatial_features")
            encoded = inputs
        else:
            inputs["image"] = keras.Input(self.encoder.input["image"].shape[1:], name="image")
            encoded = self._encode_symbolic(inputs["image"])
        outputs = dict(self.head(self._head_inputs(inputs, encoded)))
        if self.decoder is not None:
            inputs["input_ids"] = keras.Input((None, None), dtype="int32", name="input_ids")
            encoder_outputs = {k: outputs[k] for k in ("features", "concept_probabilities")}
            if "spatial_features" in self.config.embeddings_read:
                encoder_outputs["spatial_features"] = self._cells(encoded["spatial_features"])
            outputs["token_logits"] = self.decoder(encoder_outputs, inputs["input_ids"])
        return keras.Model(inputs, outputs, name="annotator")

    def variables(self, group: str) -> list[keras.Variable]:
        """Returns the trainable variables of one of `GROUPS`, [] if the model has none."""
        labels = [] if self.labels is None else self.labels.variables(group)
        return self._variables(group) + labels

    def _variables(self, group: str) -> list[keras.Variable]:
        if group == "encoder":
            frozen = self.encoder is None or not self.config.encoder.trainable
            return [] if frozen else list(self.encoder.trainable_variables)
        if group == "decoder":
            return [] if self.decoder is None else list(self.decoder.trainable_variables)
        tag_variables = [] if self.tag_model is None else list(self.tag_model.trainable_variables)
        if group == "tag_model":
            return tag_variables
        ids = {id(v) for v in tag_variables}
        return [v for v in self.head.trainable_variables if id(v) not in ids]

    def all_variables(self) -> dict[str, keras.Variable]:
        """Returns all variables by stable names, including seed states and statistics.

        The seed states of the encoder's dropout are left out: training seeds it by (seed, step).
        """
        named = {}
        if self.encoder is not None:
            named.update(_numbered("encoder", stored_variables(self.encoder)))
        named.update(_numbered("head", self.head.variables))
        if self.decoder is not None:
            named.update(_numbered("decoder", self.decoder.variables))
        if self.labels is not None:
            for name, variable in self.labels.all_variables().items():
                # The first component is the part, so that a warm start restores both tasks.
                part, _, rest = name.partition("/")
                named[f"{part}/labels/{rest}"] = variable
        return named

    def seed_states(self) -> list[keras.Variable]:
        """Returns the seed states, those of the encoder's dropout last."""
        states = list(self.all_variables().values())
        if self.encoder is not None:
            states += [v for layer in fc_dropout_layers(self.encoder) for v in layer.variables]
        return [v for v in states if v.name == "seed_generator_state"]


def _numbered(part: str, variables: list[keras.Variable]) -> dict[str, keras.Variable]:
    # The names include positions, because Keras numbers layers of a kind across the process.
    return {f"{part}/{i:03d}/{v.name}": v for i, v in enumerate(variables)}
