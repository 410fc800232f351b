"""One run as a part of an export, and what tells whether two runs read pictures by one CNN."""

import hashlib
from dataclasses import dataclass, field

from semreg_tf.config import Config
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.exporting.provenance import Provenance
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.encoder import encoder_spec, stored_variables


@dataclass(frozen=True)
class ExportPart:
    """A trained model with its names and where it comes from.

    Attributes:
      config: the experiment.
      vocabularies: its names.
      annotator: its models, weights set.
      provenance: how it was trained.

    Raises:
      ValueError: the annotator reads no pictures.
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
        """Returns the SHA-256 of the CNN's name, weights, pooling and of where it looks."""
        encoder, places = self.config.encoder, self.config.concepts.places
        digest = hashlib.sha256(f"{encoder.name} {encoder.pooling} {places}".encode())
        for variable in stored_variables(self.annotator.encoder):
            digest.update(variable.numpy().tobytes())
        return digest.hexdigest()

    def picture_reading(self) -> dict[str, object]:
        """Returns how a picture becomes the CNN's input, by the names of the config's fields."""
        spec, image = encoder_spec(self.config.encoder.name), self.config.image
        return {
            "image.size": image.size or spec.default_size,
            "image.resize_ratio": image.resize_ratio,
            "the normalisation": spec.preprocessing,
        }


def in_order(first: ExportPart, second: ExportPart) -> tuple[ExportPart, ExportPart]:
    """Returns a captioner and a tag model, given in either order.

    Raises:
      ValueError: two of one task.
    """
    if first.task == second.task:
        raise ValueError(
            "`workdir` given twice must hold a run on captions and a run on tags. "
            f"Received: {first.config.name!r} and {second.config.name!r}, both on {first.task}"
        )
    return (first, second) if first.task == "captions" else (second, first)


def share_encoder(captioner: ExportPart, tagger: ExportPart) -> bool:
    """Returns whether two models read pictures by the same CNN, so that it may run once.

    Raises:
      ValueError: the CNN is the same, but a picture becomes its input in different ways.
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
