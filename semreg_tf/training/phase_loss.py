"""The loss of a phase: Lu (eq. 5), Lr (Sec. 3.3), or both (eq. 4)."""

from dataclasses import dataclass, replace
from typing import Literal

import keras
import tensorflow as tf

from semreg_tf import losses
from semreg_tf.config import ConceptConfig, ConditioningConfig, SamplingConfig
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Split
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.concept_layers import layer_output
from semreg_tf.models.side_information import LOGITS, Part
from semreg_tf.training import label_alignment, scheduled_sampling
from semreg_tf.training.concept_dropout import drop_concepts
from semreg_tf.training.self_critical import SelfCritical


@dataclass(frozen=True)
class PhaseLoss:
    """Lu, Lr or their weighted sum.

    Attributes:
      reads: "image": encoder and head are run; "user_tags": only the tag model is run;
        "true_concepts": the ground truth s replaces the predicted s_hat.
      concepts: the config of Lu; None: no Lu.
      part: the logits on which Lu is computed.
      layers: further predicted layers of concepts, whose summed cross entropies are added to Lu
        (not a softmax over groups, because an image may be in several: ours).
      words: whether Lr and attention penalties are added.
      reward: the loss of sampled captions, in place of Lr; None: none.
      sampling: the schedule of scheduled sampling, the result of `with_decay`; None: the decoder is
        fed the true words.
      unary_weight: weight of Lu.
      relational_weight: weight of Lr.
      trains_encoder: whether the dropout inside the CNN is on.
      moves_statistics: whether batch normalisation uses the batch's statistics and updates its own.
      concepts_without_dropout: whether concepts are predicted without dropout, because the head is
        frozen; features for the decoder are still dropped.
      whole_image: whether only the whole image is read, for models of crops.
    """

    reads: Literal["image", "user_tags", "true_concepts"] = "image"
    concepts: ConceptConfig | None = None
    part: Part = "all"
    layers: tuple[str, ...] = ()
    words: bool = False
    reward: SelfCritical | None = None
    sampling: SamplingConfig | None = None
    unary_weight: float = 1.0
    relational_weight: float = 1.0
    trains_encoder: bool = False
    moves_statistics: bool = False
    concepts_without_dropout: bool = False
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
          tensors: a batch with keys of `semreg_tf.data.batch`.
          seed: seed of sampled losses and sampled words, (2,) int32.
          packed: True: logits are computed at real targets only; False: at padding too, with static
            shapes.
          step: the stage's step, for scheduled sampling.

        Returns:
          Float32 scalars: `loss`, which is minimised, and where they apply `unary_loss` (Lu),
          `relational_loss` (Lr), `loss_per_word`, `num_words`, `attention_penalty`,
          `true_word_share` (fraction of true words among the inputs after START), `reward` (of
          sampled captions), and for a captioner that predicts labels too, whose losses are part of
          `loss`, `label_unary_loss` and `label_relational_loss`.
        """
        if annotator.labels is None:
            return self._of_one(annotator, tensors, seed, packed, step)
        if self.reads == "image":
            # The CNN is run once for both tasks.
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

    def on(self, split: Split) -> "PhaseLoss":
        """Returns the same loss on a training split, whose captions rewards need."""
        return self if self.reward is None else replace(self, reward=self.reward.on(split))

    def moved_statistics(self, annotator: Annotator) -> list[keras.Variable]:
        """Returns the moving averages of batch normalisation that the loss updates."""
        everything = annotator.all_variables().values() if self.moves_statistics else ()
        return [v for v in everything if v.name in ("moving_mean", "moving_variance")]

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
            read = outputs["concept_probabilities"]
            read = drop_concepts(read, annotator.config.decoder.concept_dropout, seed)
            outputs = {**outputs, "concept_probabilities": read}
            ids = tensors[batch.INPUT_IDS]
            if self.sampling is not None:
                share = scheduled_sampling.share_of_true_words(self.sampling, step)
                ids, is_true = _sampled(annotator, outputs, ids, share, seed, self.sampling.draw)
                computed["true_word_share"] = _share(is_true, tensors[batch.PADDING_MASK])
            fed = tensors | {batch.INPUT_IDS: ids}
            relational, words = _word_losses(annotator, outputs, fed, packed)
            computed |= words
        if self.reward is not None:
            relational, sampled = self.reward(annotator, outputs, tensors[batch.IMAGE_ID], seed)
            computed |= sampled
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
            concepts_without_dropout=self.concepts_without_dropout,
            # Rewards are for what is decoded, without dropout.
            without_dropout=self.reward is not None,
        )


def _word_losses(
    annotator: Annotator,
    outputs: dict[str, tf.Tensor],
    tensors: dict[str, tf.Tensor],
    packed: bool,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Returns Lr plus attention penalties of each image, (batch,), and scalars for the log."""
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
    """Returns the sampled inputs and which are true words, each (batch, captions, time)."""
    captions, time = tf.shape(ids)[1], tf.shape(ids)[2]
    step_fn, *start = annotator.search_start(outputs)
    start = tf.nest.map_structure(lambda x: tf.repeat(x, captions, axis=0), start)
    flat = tf.reshape(ids, (-1, time))
    fed, is_true = scheduled_sampling.mixed_inputs(step_fn, start, flat, share, seed, draw)
    return tf.reshape(fed, tf.shape(ids)), tf.reshape(is_true, tf.shape(ids))


def _share(is_true: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns the fraction of true words among the real inputs after START."""
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
    """Returns inputs and reordered targets, see `label_alignment`."""
    vocab_size = annotator.vocab_size
    # As in `Vocabulary`: END is the last output, and START follows it.
    align = label_alignment.LabelAlignment(start_id=vocab_size, end_id=vocab_size - 1, kind=kind)
    aligned = align(*annotator.search_start(outputs), targets[:, 0], mask[:, 0])
    return aligned.input_ids[:, None], aligned.target_ids[:, None]
