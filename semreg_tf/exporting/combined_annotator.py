"""Signatures of an export of a captioner and a tag model, which return both answers."""

import tensorflow as tf

from semreg_tf.exporting.served_annotator import PictureSignatures, ServedAnnotator

Outputs = dict[str, tf.Tensor]
# Output of the tag model -> its name in the combined outputs.
_TAG_OUTPUTS = {
    "labels": "labels",
    "label_scores": "label_scores",
    "scores": "label_list_scores",
    "concept_names": "label_names",
    "concept_probabilities": "label_probabilities",
}


class CombinedAnnotator(PictureSignatures):
    """Signatures of a captioner and a tag model, like those of `ServedAnnotator` for one model.

    The outputs are those of the captioner, and of the tag model:

    - `labels`, (batch, results, steps) strings, and `label_scores`, of the same shape: as in a tag
      model's export.
    - `label_list_scores`, (batch, results) float32: the log probability of each list of labels.
    - `label_names` and `label_probabilities`, (batch, labels): the CNN's probability of each label.

    Args:
      captioner: the captioner.
      tagger: the tag model, without an encoder if it reads the captioner's features.
    """

    def __init__(self, captioner: ServedAnnotator, tagger: ServedAnnotator) -> None:
        super().__init__()
        self.captioner, self.tagger = captioner, tagger
        self.shares_encoder = tagger.annotator.encoder is None
        read_features = captioner.reads_features and tagger.reads_features
        self.reads_features = self.shares_encoder and read_features
        self.reads_tags = captioner.reads_tags or tagger.reads_tags
        self.feature_size = captioner.feature_size

    def serve(self, images: tf.Tensor) -> Outputs:
        """Annotates encoded pictures (JPEG, PNG, GIF, BMP), (batch,) strings, without tags."""
        return self._serve_pictures(images, {}, {})

    def serve_features(self, features: tf.Tensor) -> Outputs:
        """Annotates from the encoder's features, (batch, d) float32."""
        return _together(
            self.captioner.serve_features(features), self.tagger.serve_features(features)
        )

    def serve_with_tags(self, images: tf.Tensor, user_tags: tf.Tensor) -> Outputs:
        """Annotates encoded pictures, each with a string of comma-separated user tags.

        A tag is unknown if no model that reads tags knows it.
        """
        inputs, unknown, rows = [], None, None
        for model in (self.captioner, self.tagger):
            if not model.reads_tags:
                inputs.append({})
                continue
            images, hot, rows, is_unknown = model.read_tags(images, user_tags)
            unknown = is_unknown if unknown is None else unknown & is_unknown
            inputs.append({"user_tags": hot})
        counts = tf.math.unsorted_segment_sum(
            tf.cast(unknown, tf.int32), rows, tf.size(user_tags, out_type=tf.int64)
        )
        return {**self._serve_pictures(images, *inputs), "unknown_user_tags": counts}

    def _serve_pictures(
        self, images: tf.Tensor, for_captions: Outputs, for_tags: Outputs
    ) -> Outputs:
        pixels, valid = self.captioner.decode(images)
        if self.shares_encoder:
            pixels = self.captioner.encode_pixels(pixels)
            answers = [
                self.captioner.answer({**pixels, **for_captions}, valid),
                self.tagger.answer({**pixels, **for_tags}, valid),
            ]
        else:
            second, second_valid = self.tagger.decode(images)
            valid = valid & second_valid
            answers = [
                self.captioner.answer({"image": pixels, **for_captions}, valid),
                self.tagger.answer({"image": second, **for_tags}, valid),
            ]
        return _together(*answers)


def _together(captions: Outputs, tags: Outputs) -> Outputs:
    """Returns the outputs of both models, with the tag model's renamed."""
    return {**captions, **{name: tags[output] for output, name in _TAG_OUTPUTS.items()}}
