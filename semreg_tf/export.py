"""A trained model as a SavedModel: picture bytes in, strings out, everything inside the graph."""

import json
import os
import shutil
from pathlib import Path

import tensorflow as tf

from semreg_tf import config_io
from semreg_tf.config import Config
from semreg_tf.data import image_ops
from semreg_tf.data.vocabulary import UNKNOWN, Vocabularies
from semreg_tf.decoding.search import search
from semreg_tf.decoding.top_k import top_k_labels
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.encoder import encoder_spec

INFO_FILE = "semreg_tf.json"
_SEPARATORS = {"captions": " ", "tags": ", "}


class ServedAnnotator(tf.Module):
    """Signatures over an annotator: `serving_default`, `serve_features`, `serving_with_tags`.

    Args:
      config: the experiment.
      vocabularies: its names.
      annotator: its models, weights set.
      num_results: sequences in an answer; None: the beam width.
    """

    def __init__(
        self,
        config: Config,
        vocabularies: Vocabularies,
        annotator: Annotator,
        num_results: int | None = None,
    ) -> None:
        super().__init__()
        self._config, self._annotator, self._output = config, annotator, vocabularies.output
        self._num_results = num_results
        self._parts = [m for m in (annotator.encoder, annotator.head, annotator.decoder) if m]
        self._spec = encoder_spec(config.encoder.name)
        self._size = config.image.size or self._spec.default_size
        self._concept_names = tf.constant(vocabularies.concepts.names)
        names = list(vocabularies.output.names)
        # The rows behind the names, UNK and END, have no text of their own in an answer.
        names += [UNKNOWN] * (vocabularies.output.size - len(names))
        self._words = tf.constant(names)
        self._tag_table = None
        if vocabularies.user_tags is not None:
            tags = vocabularies.user_tags.names
            values = tf.range(len(tags), dtype=tf.int64)
            self._tag_table = tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(tf.constant(tags), values), -1
            )
            self._num_tags = len(tags)

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """Returns the signatures by name, batch size free."""
        strings = tf.TensorSpec((None,), tf.string, "images")
        features = tf.TensorSpec((None, self._annotator.feature_size), tf.float32, "features")
        made = {
            "serving_default": tf.function(self.serve).get_concrete_function(strings),
            "serve_features": tf.function(self.serve_features).get_concrete_function(features),
        }
        if self._tag_table is not None:
            tags = tf.TensorSpec((None,), tf.string, "user_tags")
            made["serving_with_tags"] = tf.function(self.serve_with_tags).get_concrete_function(
                strings, tags
            )
        return made

    def serve(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Annotates encoded pictures (JPEG, PNG, GIF, BMP), (batch,) strings, without tags."""
        return self._annotate({"image": self._decode(images)}, tf.shape(images)[0])

    def serve_features(self, features: tf.Tensor) -> dict[str, tf.Tensor]:
        """Annotates from the encoder's features, (batch, d) float32."""
        return self._annotate({"features": features}, tf.shape(features)[0])

    def serve_with_tags(self, images: tf.Tensor, user_tags: tf.Tensor) -> dict[str, tf.Tensor]:
        """Annotates encoded pictures, each with a string of comma-separated user tags.

        A tag is looked up as it stands, else in lower case; what is unknown then is counted.
        """
        tags = tf.strings.strip(tf.strings.split(user_tags, ",").to_tensor(""))
        ids = self._tag_table.lookup(tags)
        ids = tf.where(ids < 0, self._tag_table.lookup(tf.strings.lower(tags, "utf-8")), ids)
        unknown = tf.reduce_sum(tf.cast((ids < 0) & (tags != ""), tf.int32), axis=1)
        hot = tf.reduce_max(tf.one_hot(ids, self._num_tags), axis=1)
        inputs = {"image": self._decode(images), "user_tags": hot}
        return {**self._annotate(inputs, tf.shape(images)[0]), "unknown_user_tags": unknown}

    def _decode(self, images: tf.Tensor) -> tf.Tensor:
        return tf.map_fn(
            lambda encoded: image_ops.decode_for_evaluation(
                encoded, self._size, self._config.image.resize_ratio, self._spec.preprocessing
            ),
            images,
            fn_output_signature=tf.TensorSpec((self._size, self._size, 3), tf.float32),
        )

    def _annotate(self, inputs: dict[str, tf.Tensor], rows: tf.Tensor) -> dict[str, tf.Tensor]:
        if self._tag_table is not None and "user_tags" not in inputs:
            inputs = {**inputs, "user_tags": tf.zeros((rows, self._num_tags))}
        outputs = self._annotator.encode(inputs)
        probabilities = outputs["concept_probabilities"]
        answer = {
            "concept_probabilities": probabilities,
            "concept_names": tf.identity(self._concept_names),
        }
        decoding = self._config.decoding
        if self._annotator.decoder is None:
            ids = top_k_labels(probabilities, decoding.top_k)
            labels = tf.gather(self._words, ids)
            answer["annotations"] = tf.strings.reduce_join(labels, 1, True, separator=", ")
            answer["scores"] = tf.reduce_sum(
                tf.math.log(tf.gather(probabilities, ids, batch_dims=1)), 1, True
            )
            return answer
        step, state, context = self._annotator.search_start(
            outputs, bfloat16_output=decoding.bfloat16_output
        )
        found = search(
            step,
            state,
            context,
            decoding,
            start_id=self._output.start_id,
            end_id=self._output.end_id,
            num_results=self._num_results,
        )
        separator = _SEPARATORS[self._config.data.task]
        words = tf.gather(self._words, tf.maximum(found.token_ids, 0))
        # Padding has no word and no separator before it.
        first = tf.range(tf.shape(words)[-1]) == 0
        pieces = tf.where(first, words, tf.strings.join([separator, words]))
        pieces = tf.where(found.token_ids >= 0, pieces, "")
        answer["annotations"] = tf.strings.reduce_join(pieces, axis=-1)
        answer["scores"] = found.scores
        return answer


def export(
    config: Config,
    vocabularies: Vocabularies,
    annotator: Annotator,
    path: str | Path,
    num_results: int | None = None,
) -> Path:
    """Writes a SavedModel that TensorFlow alone can run, atomically.

    Args:
      config: the experiment.
      vocabularies: its names, also written to `assets.extra/`.
      annotator: its models, weights set.
      path: a folder that is not there yet or holds an earlier export.
      num_results: sequences in an answer; None: the beam width.

    Returns:
      The folder.

    Raises:
      ValueError: the path is taken by something else, or the annotator reads no pictures.
    """
    if annotator.encoder is None:
        raise ValueError(
            "`annotator` must have an encoder: build it without `feature_size`. "
            f"Received: an annotator of features of width {annotator.feature_size}"
        )
    final = Path(path)
    if final.exists() and not (final / "assets.extra" / INFO_FILE).exists():
        raise ValueError(
            "`path` must be new or hold an earlier export: something else is there. "
            f"Received: path={str(path)!r}"
        )
    partial = final.with_name(final.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    served = ServedAnnotator(config, vocabularies, annotator, num_results)
    tf.saved_model.save(served, str(partial), signatures=served.signatures())
    extra = partial / "assets.extra"
    extra.mkdir()
    vocabularies.save(extra)
    info = {
        "config": config_io.to_dict(config),
        "task": config.data.task,
        "side_information": config.data.num_user_tags > 0,
        "image_size": config.image.size or encoder_spec(config.encoder.name).default_size,
    }
    (extra / INFO_FILE).write_text(json.dumps(info, indent=2), encoding="utf-8")
    # A folder cannot be renamed over another: the earlier export is moved aside, then removed.
    earlier = final.with_name(final.name + ".earlier")
    shutil.rmtree(earlier, ignore_errors=True)
    if final.exists():
        os.replace(final, earlier)
    os.replace(partial, final)
    shutil.rmtree(earlier, ignore_errors=True)
    return final
