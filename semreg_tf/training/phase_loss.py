"""What a phase minimises: Lu (eq. 5), Lr (Sec. 3.3), or both (eq. 4), and what it runs for them."""

from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from semreg_tf import losses
from semreg_tf.config import ConceptConfig, ConditioningConfig, SamplingConfig
from semreg_tf.data import batch
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.concept_layers import layer_output
from semreg_tf.models.side_information import LOGITS, Part
from semreg_tf.training import label_alignment, scheduled_sampling


@dataclass(frozen=True)
class PhaseLoss:
    """Lu, Lr or their weighted sum, on what the models make of a batch.

    Attributes:
      reads: "image": encoder and head run; "user_tags": the tag model alone; "true_concepts":
        neither, the ground truth s replaces their prediction s_hat.
      concepts: which Lu there is; None: there is none.
      part: which logits Lu reads.
      layers: other layers of concepts that are predicted, by the contract's names; each adds its
        own sum of cross entropies to Lu (ours: a picture may be in several groups, so that theirs
        is no softmax).
      words: whether there is Lr, and with it the penalties of attention.
      sampling: the schedule by which the decoder is fed its own words, of `with_decay`; None: it
        is fed the true ones.
      unary_weight: of Lu.
      relational_weight: of Lr.
      trains_encoder: whether the dropout inside the CNN is on.
      moves_statistics: whether batch normalisation uses and moves on the batch's statistics.
      head_rests: whether the concepts of a head that was trained before are read as after
        training, without dropout; that of the features which a decoder reads stays on.
      whole_image: whether the whole image alone is read where there are crops of it.
    """

    reads: Literal["image", "user_tags", "true_concepts"] = "image"
    concepts: ConceptConfig | None = None
    part: Part = "all"
    layers: tuple[str, ...] = ()
    words: bool = False
    sampling: SamplingConfig | None = None
    unary_weight: float = 1.0
    relational_weight: float = 1.0
    trains_encoder: bool = False
    moves_statistics: bool = False
    head_rests: bool = False
    whole_image: bool = False

    def __call__(
        self,
        annotator: Annotator,
        tensors: dict[str, tf.Tensor],
        seed: tf.Tensor,
        packed: bool = True,
        step: tf.Tensor | int = 0,
    ) -> dict[str, tf.Tensor]:
        """Computes the losses of one batch, in training mode.

        Args:
          annotator: the models.
          tensors: a batch by the contract's names.
          seed: int32 (2,), for sampled losses and sampled words.
          packed: True: real targets alone are scored; False: padding too, every shape static.
          step: of the stage, for the schedule of sampled words.

        Returns:
          `loss` (scalar, what is minimised), and of those that apply `unary_loss` (Lu),
          `relational_loss` (Lr), `loss_per_word`, `num_words`, `attention_penalty` and
          `true_word_share` (of the words after START that were fed): float32 scalars. Of a model
          that lists labels beside captions `loss` is of both, and `label_unary_loss` and
          `label_relational_loss` are the labels'.
        """
        if annotator.labels is None:
            return self._of_one(annotator, tensors, seed, packed, step)
        if self.reads == "image":
            # The CNN runs once for both.
            encoded = annotator.run_encoder(
                tensors, self.moves_statistics, self.trains_encoder, self.whole_image
            )
            tensors = {**tensors, **encoded}
        computed = self._of_one(annotator, tensors, seed, packed, step)
        seed = tf.random.experimental.stateless_fold_in(seed, 1)
        labels = tensors | {
            key: tensors[f"{batch.LABEL_PREFIX}{key}"]
            for key in batch.LABEL_KEYS
            if f"{batch.LABEL_PREFIX}{key}" in tensors
        }
        of_labels = self._of_one(annotator.labels, labels, seed, packed, step)
        computed["loss"] += annotator.config.labels.weight * of_labels["loss"]
        for name in ("unary_loss", "relational_loss"):
            if name in of_labels:
                computed[f"{batch.LABEL_PREFIX}{name}"] = of_labels[name]
        return computed

    def _of_one(
        self,
        annotator: Annotator,
        tensors: dict[str, tf.Tensor],
        seed: tf.Tensor,
        packed: bool,
        step: tf.Tensor | int,
    ) -> dict[str, tf.Tensor]:
        outputs = self._outputs(annotator, tensors)
        computed: dict[str, tf.Tensor] = {}
        unary = relational = tf.zeros((), tf.float32)
        if self.concepts is not None:
            logits = outputs[LOGITS[self.part]]
            unary = losses.concept_loss(self.concepts, logits, tensors[batch.CONCEPTS], seed)
            for layer in self.layers:
                truth = tensors[layer]
                unary += losses.sigmoid_concept_loss(outputs[layer_output(layer)], truth)
            computed["unary_loss"] = tf.reduce_mean(unary)
        if self.words:
            ids = tensors[batch.INPUT_IDS]
            if self.sampling is not None:
                share = scheduled_sampling.share_of_true_words(self.sampling, step)
                ids, is_true = _sampled(annotator, outputs, ids, share, seed, self.sampling.draw)
                computed["true_word_share"] = _share(is_true, tensors[batch.PADDING_MASK])
            fed = tensors | {batch.INPUT_IDS: ids}
            relational, words = _word_losses(annotator, outputs, fed, packed)
            computed |= words
        weights = self.unary_weight, self.relational_weight
        computed["loss"] = losses.joint_loss(unary, relational, *weights)
        return computed

    def _outputs(self, annotator: Annotator, tensors: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        if self.reads == "true_concepts":
            return {"concept_probabilities": tensors[batch.CONCEPTS]}
        if self.reads == "user_tags":
            return annotator.tag_model({"user_tags": tensors[batch.USER_TAGS]}, training=True)
        return annotator.encode(
            tensors,
            training=True,
            update_batch_norm=self.moves_statistics,
            encoder_dropout=self.trains_encoder,
            whole_image=self.whole_image,
            head_rests=self.head_rests,
        )


def _word_losses(
    annotator: Annotator,
    outputs: dict[str, tf.Tensor],
    tensors: dict[str, tf.Tensor],
    packed: bool,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Returns Lr and the penalties an image, (batch,), and the scalars that are logged of them."""
    mask = tensors[batch.PADDING_MASK]
    ids, targets = tensors[batch.INPUT_IDS], tensors[batch.TARGET_IDS]
    config = annotator.config.decoder
    if config.alignment != "data":
        ids, targets = _aligned(annotator, outputs, targets, mask, config.alignment)
    penalties = []
    if packed:
        logits, rows, attention = annotator.decoder.packed_logits(outputs, ids, mask, training=True)
        penalties = [_penalty(fields, weights, rows, mask) for fields, weights in attention]
        loss = losses.packed_sequence_loss(logits, rows, targets, mask, config.label_smoothing)
    else:
        logits = annotator.decoder(outputs, ids, training=True)
        loss = losses.padded_sequence_loss(logits, targets, mask, config.label_smoothing)
    relational, total = loss
    words = tf.reduce_sum(tf.cast(mask, tf.float32))
    scalars = {
        "relational_loss": tf.reduce_mean(relational),
        "loss_per_word": tf.math.divide_no_nan(total, words),
        "num_words": words,
    }
    if not penalties:
        return relational, scalars
    penalty = tf.add_n(penalties)
    return relational + penalty, {**scalars, "attention_penalty": tf.reduce_mean(penalty)}


def _penalty(
    fields: ConditioningConfig, weights: tf.Tensor, rows: tf.Tensor, mask: tf.Tensor
) -> tf.Tensor:
    exponents = fields.penalty_p, fields.penalty_q, fields.penalty_epsilon
    return fields.attention_penalty * losses.attention_penalty(weights, rows, mask, *exponents)


def _sampled(
    annotator: Annotator,
    outputs: dict[str, tf.Tensor],
    ids: tf.Tensor,
    share: tf.Tensor,
    seed: tf.Tensor,
    draw: Literal["sample", "argmax"],
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the words that are fed and which are true, (batch, captions, time) each."""
    captions, time = tf.shape(ids)[1], tf.shape(ids)[2]
    step_fn, *start = annotator.search_start(outputs)
    state, context = tf.nest.map_structure(lambda x: tf.repeat(x, captions, axis=0), start)
    flat = tf.reshape(ids, (-1, time))
    fed, is_true = scheduled_sampling.mixed_inputs(step_fn, state, context, flat, share, seed, draw)
    return tf.reshape(fed, tf.shape(ids)), tf.reshape(is_true, tf.shape(ids))


def _share(is_true: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns the share of true words among the real ones after START."""
    real = tf.cast(mask[..., 1:], tf.float32)
    true = tf.reduce_sum(real * tf.cast(is_true[..., 1:], tf.float32))
    return tf.math.divide_no_nan(true, tf.reduce_sum(real))


def _aligned(
    annotator: Annotator,
    outputs: dict[str, tf.Tensor],
    targets: tf.Tensor,
    mask: tf.Tensor,
    kind: label_alignment.Alignment,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns inputs and targets in the decoder's own order; tags have one sequence an image."""
    vocab_size = annotator.vocab_size
    # As in `Vocabulary`: END is the last output, START comes after it.
    align = label_alignment.LabelAlignment(start_id=vocab_size, end_id=vocab_size - 1, kind=kind)
    aligned = align(*annotator.search_start(outputs), targets[:, 0], mask[:, 0])
    return aligned.input_ids[:, None], aligned.target_ids[:, None]
