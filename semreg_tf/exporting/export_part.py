"""A run as a part of an export, and the test whether two runs share their CNN."""

import hashlib
from dataclasses import dataclass, field

from semreg_tf.config import Config
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.exporting.provenance import Provenance
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.encoder import encoder_spec, input_side, stored_variables


@dataclass(frozen=True)
class ExportPart:
    """An experiment's trained model with its vocabularies and provenance.

    Raises:
      ValueError: the annotator has no encoder.
    """

    config: Config
    vocabularies: Vocabularies
    annotator: Annotator
    provenance: Provenance = field(default_factory=Provenance)

    def __post_init__(self) -> None:
        if self.annotator.encoder is None:
            raise ValueError(
                "`annotator` must have an encoder: build it without `feature_size`. "
                f"Received: an annotator of features of width {self.annotator.feature_size}"
            )

    @property
    def task(self) -> str:
        """Either "captions" or "tags"."""
        return self.config.data.task

    def encoder_digest(self) -> str:
        """Returns the SHA-256 of the CNN's name, pooling, `concepts.places` and weights."""
        encoder, places = self.config.encoder, self.config.concepts.places
        digest = hashlib.sha256(f"{encoder.name} {encoder.pooling} {places}".encode())
        for variable in stored_variables(self.annotator.encoder):
            digest.update(variable.numpy().tobytes())
        return digest.hexdigest()

    def picture_reading(self) -> dict[str, object]:
        """Returns config field -> value, for the fields that decide how pictures are prepared."""
        image = self.config.image
        return {
            "image.size": input_side(self.config),
            "image.resize_ratio": image.resize_ratio,
            "image.test_views": image.test_views,
            "the normalisation": encoder_spec(self.config.encoder.name).preprocessing,
        }


def in_order(first: ExportPart, second: ExportPart) -> tuple[ExportPart, ExportPart]:
    """Returns the captioner and the tag model of two models in either order.

    Raises:
      ValueError: both models have the same task.
    """
    if first.task == second.task:
        raise ValueError(
            "`workdir` given twice must hold a run on captions and a run on tags. "
            f"Received: {first.config.name!r} and {second.config.name!r}, both on {first.task}"
        )
    return (first, second) if first.task == "captions" else (second, first)


def share_encoder(captioner: ExportPart, tagger: ExportPart) -> bool:
    """Returns whether two models have the same CNN, which can then run once for both.

    Raises:
      ValueError: the CNN is the same, but the pictures are prepared differently.
    """
    if captioner.encoder_digest() != tagger.encoder_digest():
        return False
    readings = captioner.picture_reading(), tagger.picture_reading()
    for name, value in readings[0].items():
        if readings[1][name] != value:
            raise ValueError(
                "`workdir` given twice must hold runs that prepare pictures alike where their CNN "
                f"has the same weights. Received: {name}={value!r} of {captioner.config.name!r}, "
                f"{readings[1][name]!r} of {tagger.config.name!r}"
            )
    return True
