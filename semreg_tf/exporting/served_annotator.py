"""Signatures of an export, whose graphs map picture bytes to strings."""

import copy
import dataclasses

import tensorflow as tf

from semreg_tf.config import Config, DecodingConfig
from semreg_tf.data import image_ops
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.decoding.combined_labels import LabelCombination
from semreg_tf.decoding.search import Search
from semreg_tf.decoding.top_k import top_k_labels
from semreg_tf.exporting.label_scores import label_probabilities
from semreg_tf.exporting.picture_decoding import decode_each
from semreg_tf.exporting.stored_weights import StoredWeights
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.batch_norm_folding import fold_batch_norm
from semreg_tf.models.encoder import encoder_spec, input_side
from semreg_tf.models.views_at_test import encoded_views

# Maximum size of the user tags of a picture.
MAX_USER_TAG_BYTES = 65_536


class PictureSignatures(tf.Module):
    """The signatures of an export; a subclass defines the functions that they call.

    Attributes:
      reads_features: whether there is a signature for the encoder's features.
      reads_tags: whether the model reads user tags.
      feature_size: width of the encoder's features.
    """

    reads_features: bool
    reads_tags: bool
    feature_size: int

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """Returns name -> signature, for any batch size."""
        images = tf.TensorSpec((None,), tf.string, "images")
        features = tf.TensorSpec((None, self.feature_size), tf.float32, "features")
        tags = tf.TensorSpec((None,), tf.string, "user_tags")
        functions = {"serving_default": (self.serve, images)}
        if self.reads_features:
            functions["serve_features"] = (self.serve_features, features)
        if self.reads_tags:
            functions["serving_with_tags"] = (self.serve_with_tags, images, tags)
        return {
            name: tf.function(function).get_concrete_function(*inputs)
            for name, (function, *inputs) in functions.items()
        }


class ServedAnnotator(PictureSignatures):
    """Signatures of an annotator: `serving_default`, `serve_features`, `serving_with_tags`.

    Models that read the CNN's map, crops or two views have no `serve_features`.

    All outputs have the batch as their first axis, as TensorFlow Serving's row format requires. No
    name of a text output ends in `_bytes`, because TensorFlow Serving would return it in base64.

    - `annotations`, (batch, results) strings: captions, or labels joined by commas, best first;
      "" for missing results.
    - `labels`, (batch, results, steps) strings, only for tag models: the same labels as a list, in
      order, "" behind the last.
    - `scores`, (batch, results) float32: log probabilities of the results, -inf for missing ones.
    - `label_scores`, (batch, results, steps) float32, only for tag models: the decoder's
      probability of each label given the picture and the labels before it; without a decoder the
      concept's probability; with `decoding.method` "combined" the mean that is cut. -1 behind the
      last.
    - `concept_probabilities`, (batch, num_concepts) float32, and `concept_names`, the same shape.
    - `valid`, (batch,) bool: False for pictures that could not be decoded; their texts are "" and
      their numbers 0.
    - `unknown_user_tags`, (batch,) int32, only of `serving_with_tags`.

    Attributes:
      weights: the weights in the dtype of the export.
      annotator: the models, with folded batch normalisation.
      decoding: settings of the export's search.
      num_parameters: number of parameters before batch normalisation is folded.

    Args:
      config: the experiment.
      vocabularies: its vocabularies.
      annotator: its models with their trained weights; the encoder is copied to fold its batch
        normalisation. An annotator without an encoder reads `features` only.
      num_results: number of sequences in an answer; None: the beam width.
      weights_dtype: dtype of the weights on disk: "float32", "bfloat16", "float16" or "int8".
    """

    def __init__(
        self,
        config: Config,
        vocabularies: Vocabularies,
        annotator: Annotator,
        num_results: int | None = None,
        weights_dtype: str = "float32",
    ) -> None:
        super().__init__()
        check_reads_pictures(annotator)
        self._config, self._output = config, vocabularies.output
        self.decoding = exported_decoding(config)
        self._num_results = num_results
        self.annotator = copy.copy(annotator)
        self.annotator.set_test_views(config.image.test_views)
        if annotator.encoder is not None:
            self.annotator.encoder = fold_batch_norm(annotator.encoder)
        self.weights = StoredWeights(self.annotator.all_variables(), weights_dtype)
        self.num_parameters = sum(
            v.value.shape.num_elements()
            for v in annotator.all_variables().values()
            if tf.as_dtype(v.dtype).is_floating
        )
        self._spec = encoder_spec(config.encoder.name)
        self._size = input_side(config)
        self._concept_names = tf.constant(vocabularies.concepts.names)
        self._words = tf.constant(vocabularies.output.row_texts)
        if self.decoding.method == "combined":
            self._label_ids = vocabularies.output.encode(vocabularies.concepts.names)
        self._tag_table = None
        if vocabularies.user_tags is not None and "user_tags" in annotator.head.input:
            tags = vocabularies.user_tags.names
            values = tf.range(len(tags), dtype=tf.int64)
            self._tag_table = tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(tf.constant(tags), values), -1
            )
            self._num_tags = len(tags)
        one_vector = config.concepts.places.kind == "image" and config.image.test_views == 1
        self.reads_features = one_vector and not config.reads_map
        self.reads_tags = self._tag_table is not None
        self.feature_size = annotator.feature_size

    def serve(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Annotates encoded pictures (JPEG, PNG, GIF, BMP), (batch,) strings, without tags."""
        pixels, valid = self.decode(images)
        return self.answer({"image": pixels}, valid)

    def serve_features(self, features: tf.Tensor) -> dict[str, tf.Tensor]:
        """Annotates from the encoder's features, (batch, d) float32."""
        return self._annotate({"features": features}, tf.shape(features)[0])

    def serve_with_tags(self, images: tf.Tensor, user_tags: tf.Tensor) -> dict[str, tf.Tensor]:
        """Annotates encoded pictures, each with a string of comma-separated user tags.

        Tags are looked up unchanged, and then in lower case; unknown ones are counted. Rows with
        more than `MAX_USER_TAG_BYTES` of tags are invalid.
        """
        images, hot, rows, is_unknown = self.read_tags(images, user_tags)
        num_rows = tf.size(user_tags, out_type=tf.int64)
        unknown = tf.math.unsorted_segment_sum(tf.cast(is_unknown, tf.int32), rows, num_rows)
        pixels, valid = self.decode(images)
        answer = self.answer({"image": pixels, "user_tags": hot}, valid)
        return {**answer, "unknown_user_tags": unknown}

    def read_tags(
        self, images: tf.Tensor, user_tags: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Looks up user tags.

        Args:
          images: encoded pictures, (batch,) strings.
          user_tags: the comma-separated tags of each picture, (batch,) strings.

        Returns:
          The pictures, with "" for those with too many tags; the known tags, (batch,
          num_user_tags) float32, 0/1; and for all tags of the batch in one list, the row of each,
          (tags,) int64, and whether it is unknown, (tags,) bool.
        """
        # Rows with more tags are treated like damaged pictures, and rows are not padded to the
        # longest, so that one client cannot multiply the memory of a batch shared with others.
        fits = tf.strings.length(user_tags) <= MAX_USER_TAG_BYTES
        images = tf.where(fits, images, "")
        split = tf.strings.split(tf.where(fits, user_tags, ""), ",")
        rows, tags = split.value_rowids(), tf.strings.strip(split.flat_values)
        ids = self._tag_table.lookup(tags)
        ids = tf.where(ids < 0, self._tag_table.lookup(tf.strings.lower(tags, "utf-8")), ids)
        known = tf.boolean_mask(tf.stack([rows, ids], axis=1), ids >= 0)
        counts = tf.scatter_nd(
            known,
            tf.ones_like(known[:, 0], tf.float32),
            [tf.size(user_tags, out_type=tf.int64), self._num_tags],
        )
        hot = tf.ensure_shape(tf.minimum(counts, 1.0), (None, self._num_tags))
        return images, hot, rows, (ids < 0) & (tags != "")

    def decode(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the encoder's input, (batch, height, width, 3), and whether rows are valid."""

        def decode(encoded: tf.Tensor) -> tf.Tensor:
            return image_ops.decode_for_evaluation(
                encoded, self._size, self._config.image.resize_ratio, self._spec.preprocessing
            )

        return decode_each(images, decode, (self._size, self._size, 3))

    def encode_pixels(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the encoder's outputs, `features` and `spatial_features`, of all views."""
        with self.weights.in_use():
            if self._config.image.test_views == 2:
                return encoded_views(self.annotator.encode_images, pixels)
            return self.annotator.encode_images(pixels)

    def answer(self, inputs: dict[str, tf.Tensor], valid: tf.Tensor) -> dict[str, tf.Tensor]:
        """Annotates decoded or encoded pictures.

        Args:
          inputs: `image` or the encoder's outputs, and optionally `user_tags`.
          valid: which rows are valid, (batch,) bool; the answers of the others are empty.
        """
        answer = self._annotate(inputs, tf.shape(valid)[0])
        of_pictures = {k: v for k, v in answer.items() if k not in ("concept_names", "valid")}
        for name, value in of_pictures.items():
            rows = tf.reshape(valid, (-1, *[1] * (value.shape.rank - 1)))
            # Zeros of a text are "".
            answer[name] = tf.where(rows, value, tf.zeros_like(value))
        return {**answer, "valid": valid}

    def _annotate(self, inputs: dict[str, tf.Tensor], rows: tf.Tensor) -> dict[str, tf.Tensor]:
        if "user_tags" in self.annotator.head.input and "user_tags" not in inputs:
            inputs = {**inputs, "user_tags": tf.zeros((rows, self._num_tags))}
        with self.weights.in_use():
            outputs = self.annotator.encode(inputs)
            probabilities = outputs["concept_probabilities"]
            words, texts, scores, label_scores = self._decode(outputs)
        tags = label_scores is not None
        more = {"labels": words, "label_scores": label_scores} if tags else {}
        return {
            **more,
            "annotations": texts,
            "scores": scores,
            "concept_probabilities": probabilities,
            "concept_names": tf.tile(self._concept_names[None], (rows, 1)),
            "valid": tf.ones((rows,), tf.bool),
        }

    def find(
        self, outputs: dict[str, tf.Tensor], decoding: DecodingConfig | None = None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]:
        """Decodes, or without a decoder selects the best labels; `weights` must be in use.

        The search's settings are those of the export unless `decoding` is given.

        Returns:
          Ids, (batch, results, steps) int32, -1 behind the last; scores of the results,
          (batch, results) float32; scores of the labels, (batch, results, steps) float32, or None
          for a captioner.
        """
        decoding, tags = decoding or self.decoding, self._config.data.task == "tags"
        if self.annotator.decoder is None:
            probabilities = outputs["concept_probabilities"]
            ids = top_k_labels(probabilities, decoding.top_k)
            chosen = tf.gather(probabilities, ids, batch_dims=1)
            scores = tf.reduce_sum(tf.math.log(chosen), 1, True)
            return ids[:, None], scores, chosen[:, None] if tags else None
        # "auto" is float32 here, because the machine that serves the export is unknown.
        in_bfloat16 = decoding.bfloat16_output is True
        start = self.annotator.search_start(outputs, bfloat16_output=in_bfloat16)
        ids = {"start_id": self._output.start_id, "end_id": self._output.end_id}
        if decoding.method == "combined":
            combination = LabelCombination(decoding, **ids, label_ids=self._label_ids)
            return combination(outputs["concept_probabilities"], *start)
        search = Search(
            decoding, **ids, unknown_id=self._output.unknown_id, num_results=self._num_results
        )
        result = search(*start)
        if not tags:
            return result.token_ids, result.scores, None
        label_scores = label_probabilities(
            self.annotator, outputs, result.token_ids, self._output.start_id
        )
        return result.token_ids, result.scores, label_scores

    def _decode(
        self, outputs: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor | None]:
        """Decodes into strings.

        Returns:
          Words or labels, (batch, results, steps); texts and scores, (batch, results); scores of
          the labels, (batch, results, steps), or None for a captioner.
        """
        ids, scores, label_scores = self.find(outputs)
        listed = self._config.data.task == "tags" or self.annotator.decoder is None
        is_token = ids >= 0
        words = tf.where(is_token, tf.gather(self._words, tf.maximum(ids, 0)), "")
        # Padding has no word and no separator before it.
        first = tf.range(tf.shape(words)[-1]) == 0
        pieces = tf.where(first, words, tf.strings.join([", " if listed else " ", words]))
        pieces = tf.where(is_token, pieces, "")
        return words, tf.strings.reduce_join(pieces, axis=-1), scores, label_scores


def check_reads_pictures(annotator: Annotator) -> None:
    """Checks that a model reads only pictures and user tags.

    Raises:
      ValueError: the model reads other inputs.
    """
    more = sorted(annotator.head.input.keys() - {"features", "spatial_features", "user_tags"})
    if more:
        raise ValueError(
            "`annotator` must read pictures, and user tags at most: what this one reads besides "
            "is known of a prepared data set's pictures alone, so evaluate its run there "
            f"(eval.evaluate_tags). Received: an annotator that reads {', '.join(more)}"
        )


def exported_decoding(config: Config) -> DecodingConfig:
    """Returns the export's search settings: those of evaluation, but without repeated labels."""
    decoding = config.decoding
    never_twice = config.data.task == "tags" and decoding.block_repeats_in_export
    return dataclasses.replace(decoding, block_repeats=decoding.block_repeats or never_twice)
