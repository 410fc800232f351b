"""The signatures of an export: picture bytes in, strings out, everything inside the graph."""

import copy
import dataclasses

import tensorflow as tf

from semreg_tf.config import Config, DecodingConfig
from semreg_tf.data import image_ops
from semreg_tf.data.vocabulary import UNKNOWN, Vocabularies
from semreg_tf.decoding.search import Search
from semreg_tf.decoding.top_k import top_k_labels
from semreg_tf.exporting.label_scores import label_probabilities
from semreg_tf.exporting.picture_decoding import decode_each
from semreg_tf.exporting.stored_weights import StoredWeights
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.batch_norm_folding import fold_batch_norm
from semreg_tf.models.encoder import encoder_spec

# Of one picture's user tags.
MAX_USER_TAG_BYTES = 65_536


class ServedAnnotator(tf.Module):
    """Signatures over an annotator: `serving_default`, `serve_features`, `serving_with_tags`.

    There is no `serve_features` where the CNN's map or crops are read, which are no row of floats.

    Every output has the batch first, as TensorFlow Serving's row format demands, and no text
    output's name ends in `_bytes`, which would be sent back in base64:

    - `annotations`, (batch, results) strings: captions, or labels joined by commas, best first;
      "" where the search found fewer.
    - `labels`, (batch, results, steps) strings, of a tag model alone: the same labels one by one,
      in order, "" behind the last.
    - `scores`, (batch, results) float32: their log probabilities, -inf where there is none.
    - `label_scores`, (batch, results, steps) float32, of a tag model alone: of each label, in
      order, the decoder's probability given the picture and the labels before it; of a CNN alone
      its concept's probability. -1 behind the last.
    - `concept_probabilities`, (batch, num_concepts) float32, and `concept_names`, the same shape.
    - `valid`, (batch,) bool: False where a picture could not be decoded; its texts are then "",
      its numbers 0.
    - `unknown_user_tags`, (batch,) int32, of `serving_with_tags` alone.

    Attributes:
      weights: as they go to disk.
      annotator: the models, their batch normalisation folded.
      decoding: how the export searches.
      num_parameters: of the annotator, before batch normalisation is folded.

    Args:
      config: the experiment.
      vocabularies: its names.
      annotator: its models, weights set; its encoder is copied with batch normalisation folded.
        Without an encoder it reads `features` alone.
      num_results: sequences in an answer; None: the beam width.
      weights_dtype: of the weights on disk: "float32", "bfloat16", "float16" or "int8".
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
        if annotator.encoder is not None:
            self.annotator.encoder = fold_batch_norm(annotator.encoder)
        self.weights = StoredWeights(self.annotator.all_variables(), weights_dtype)
        self.num_parameters = sum(
            v.value.shape.num_elements()
            for v in annotator.all_variables().values()
            if tf.as_dtype(v.dtype).is_floating
        )
        self._spec = encoder_spec(config.encoder.name)
        self._size = config.image.size or self._spec.default_size
        self._concept_names = tf.constant(vocabularies.concepts.names)
        names = list(vocabularies.output.names)
        # The rows behind the names, UNK and END, have no text of their own in an answer.
        names += [UNKNOWN] * (vocabularies.output.size - len(names))
        self._words = tf.constant(names)
        self._tag_table = None
        if vocabularies.user_tags is not None and "user_tags" in annotator.head.input:
            tags = vocabularies.user_tags.names
            values = tf.range(len(tags), dtype=tf.int64)
            self._tag_table = tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(tf.constant(tags), values), -1
            )
            self._num_tags = len(tags)

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """Returns the signatures by name, batch size free."""
        strings = tf.TensorSpec((None,), tf.string, "images")
        made = {"serving_default": tf.function(self.serve).get_concrete_function(strings)}
        if not self._config.reads_map and self._config.concepts.places.kind == "image":
            features = tf.TensorSpec((None, self.annotator.feature_size), tf.float32, "features")
            made["serve_features"] = tf.function(self.serve_features).get_concrete_function(
                features
            )
        if self._tag_table is not None:
            tags = tf.TensorSpec((None,), tf.string, "user_tags")
            made["serving_with_tags"] = tf.function(self.serve_with_tags).get_concrete_function(
                strings, tags
            )
        return made

    def serve(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Annotates encoded pictures (JPEG, PNG, GIF, BMP), (batch,) strings, without tags."""
        pixels, valid = self.decode(images)
        return self.answer({"image": pixels}, valid)

    def serve_features(self, features: tf.Tensor) -> dict[str, tf.Tensor]:
        """Annotates from the encoder's features, (batch, d) float32."""
        return self._annotate({"features": features}, tf.shape(features)[0])

    def serve_with_tags(self, images: tf.Tensor, user_tags: tf.Tensor) -> dict[str, tf.Tensor]:
        """Annotates encoded pictures, each with a string of comma-separated user tags.

        A tag is looked up as it stands, else in lower case; what is unknown then is counted. A row
        with more than `MAX_USER_TAG_BYTES` of tags is not valid.
        """
        images, hot, rows, is_unknown = self.read_tags(images, user_tags)
        num_rows = tf.size(user_tags, out_type=tf.int64)
        unknown = tf.math.unsorted_segment_sum(tf.cast(is_unknown, tf.int32), rows, num_rows)
        pixels, valid = self.decode(images)
        answer = self.answer({"image": pixels, "user_tags": hot}, valid)
        return {**answer, "unknown_user_tags": unknown}

    @property
    def has_encoder(self) -> bool:
        """Whether it reads pictures; else the features of another model's encoder."""
        return self.annotator.encoder is not None

    @property
    def reads_map(self) -> bool:
        """Whether the decoder reads the encoder's map."""
        return self._config.reads_map

    @property
    def reads_tags(self) -> bool:
        """Whether it reads user tags."""
        return self._tag_table is not None

    @property
    def feature_size(self) -> int:
        """Width of the encoder's features."""
        return self.annotator.feature_size

    def read_tags(
        self, images: tf.Tensor, user_tags: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Looks user tags up.

        Args:
          images: encoded pictures, (batch,) strings.
          user_tags: of each comma-separated, (batch,) strings.

        Returns:
          The pictures, "" where there are too many tags; the tags that are known, (batch,
          num_user_tags) float32, 0/1; and of all tags of the batch one after another the row,
          int64, and whether it is unknown, bool.
        """
        # A row of more is not answered, as if its picture were damaged; and no row is padded to the
        # longest, so that one client of a shared batch cannot multiply the memory of all.
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
        """Returns the encoder's input, (batch, height, width, 3), and which rows are pictures."""

        def decode(encoded: tf.Tensor) -> tf.Tensor:
            return image_ops.decode_for_evaluation(
                encoded, self._size, self._config.image.resize_ratio, self._spec.preprocessing
            )

        return decode_each(images, decode, (self._size, self._size, 3))

    def encode_pixels(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns what the encoder makes of its input, `features` and `spatial_features`."""
        with self.weights.in_use():
            return self.annotator.encode_images(pixels)

    def answer(self, inputs: dict[str, tf.Tensor], valid: tf.Tensor) -> dict[str, tf.Tensor]:
        """Annotates what was read of pictures.

        Args:
          inputs: `image`, or the encoder's outputs in its place; and `user_tags`.
          valid: which rows are pictures, (batch,) bool; the others' answers are empty.

        Returns:
          The outputs by name.
        """
        answer = self._annotate(inputs, tf.shape(valid)[0])
        kept = valid[:, None]
        more = {}
        if "labels" in answer:
            more["labels"] = tf.where(kept[..., None], answer["labels"], "")
            more["label_scores"] = tf.where(kept[..., None], answer["label_scores"], 0.0)
        return {
            **more,
            "annotations": tf.where(kept, answer["annotations"], ""),
            "scores": tf.where(kept, answer["scores"], 0.0),
            "concept_probabilities": tf.where(kept, answer["concept_probabilities"], 0.0),
            "concept_names": answer["concept_names"],
            "valid": valid,
        }

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
        """Searches, or of a CNN alone takes the best labels; `weights` must be in use.

        Args:
          outputs: of the encoder and the head.
          decoding: how to search; None: as the config says.

        Returns:
          Ids, (batch, results, steps) int32, -1 behind the last; the scores of the results,
          (batch, results); labels' scores, (batch, results, steps), None of a captioner.
        """
        decoding, tags = decoding or self.decoding, self._config.data.task == "tags"
        if self.annotator.decoder is None:
            probabilities = outputs["concept_probabilities"]
            ids = top_k_labels(probabilities, decoding.top_k)
            chosen = tf.gather(probabilities, ids, batch_dims=1)
            scores = tf.reduce_sum(tf.math.log(chosen), 1, True)
            return ids[:, None], scores, chosen[:, None] if tags else None
        search = Search(
            decoding,
            start_id=self._output.start_id,
            end_id=self._output.end_id,
            unknown_id=self._output.unknown_id,
            num_results=self._num_results,
        )
        # "auto" is float32 here: nobody knows where an export is served.
        in_bfloat16 = decoding.bfloat16_output is True
        found = search(*self.annotator.search_start(outputs, bfloat16_output=in_bfloat16))
        if not tags:
            return found.token_ids, found.scores, None
        label_scores = label_probabilities(
            self.annotator, outputs, found.token_ids, self._output.start_id
        )
        return found.token_ids, found.scores, label_scores

    def _decode(
        self, outputs: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor | None]:
        """Returns words or labels, (batch, results, steps), their texts and scores,
        (batch, results), and labels' scores, None of a captioner.
        """
        ids, scores, label_scores = self.find(outputs)
        listed = self._config.data.task == "tags" or self.annotator.decoder is None
        there = ids >= 0
        words = tf.where(there, tf.gather(self._words, tf.maximum(ids, 0)), "")
        # Padding has no word and no separator before it.
        first = tf.range(tf.shape(words)[-1]) == 0
        pieces = tf.where(first, words, tf.strings.join([", " if listed else " ", words]))
        pieces = tf.where(there, pieces, "")
        return words, tf.strings.reduce_join(pieces, axis=-1), scores, label_scores


def check_reads_pictures(annotator: Annotator) -> None:
    """Refuses models that are fed more than a picture and its user tags.

    Raises:
      ValueError: as said.
    """
    more = sorted(annotator.head.input.keys() - {"features", "spatial_features", "user_tags"})
    if more:
        raise ValueError(
            "`annotator` must read pictures, and user tags at most: what this one reads besides "
            "is known of a prepared data set's pictures alone, so evaluate its run there "
            f"(eval.evaluate_tags). Received: an annotator that reads {', '.join(more)}"
        )


def exported_decoding(config: Config) -> DecodingConfig:
    """Returns how an export decodes: as evaluation does, but without repeated labels."""
    decoding = config.decoding
    never_twice = config.data.task == "tags" and decoding.block_repeats_in_export
    return dataclasses.replace(decoding, block_repeats=decoding.block_repeats or never_twice)
