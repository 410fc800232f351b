"""A trained run as an object that predicts concepts, annotates pictures and evaluates itself."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from semreg_tf import config_io
from semreg_tf.api.evaluating import evaluate
from semreg_tf.exporting.served_annotator import ServedAnnotator
from semreg_tf.image_annotation import ImageAnnotation
from semreg_tf.picture_model import Picture, PictureModel
from semreg_tf.training import checkpoints, workdir
from semreg_tf.training.phases import Stage, find_stage

_PARTS = ("encoder", "head", "decoder")


class TrainedRun:
    """A trained run at its best checkpoint, or its last if none was evaluated.

    Attributes:
      path: the work directory.
      config: the experiment.
      vocabularies: with `concepts`, `output` and `user_tags`.
      stage: "unary", "relational" or "joint".
      annotator: the functional Keras models, in float32.

    Args:
      path: the work directory of one stage.

    Raises:
      ValueError: the folder is not a work directory, or has no checkpoint.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.config, self.vocabularies, self.annotator = workdir.load_annotator(self.path)
        self.stage = workdir.read_about(self.path)["stage"]
        self._models: dict[int | None, PictureModel] = {}

    @property
    def model(self) -> keras.Model:
        """The whole annotator as one functional model, with named inputs and outputs."""
        return self.annotator.model

    def predict(
        self, images: Iterable[Picture], user_tags: Sequence[str] | None = None
    ) -> np.ndarray:
        """Returns the concept probabilities of pictures (Sec. 3.2).

        Args:
          images: paths, encoded bytes, or uint8 arrays (height, width, 3), also mixed.
          user_tags: one comma-separated string per image, for models with side information.

        Returns:
          (images, num_concepts) float32, columns in the order of `vocabularies.concepts.names`.

        Raises:
          TypeError: `images` is one picture in place of a list.
          ValueError: the run does not read images, or a picture cannot be read.
        """
        column = {name: i for i, name in enumerate(self.vocabularies.concepts.names)}
        annotations = self._annotate(images, user_tags, None)
        unreadable = [annotation.error for annotation in annotations if annotation.error]
        if unreadable:
            raise ValueError(f"{len(unreadable)} pictures cannot be read, first: {unreadable[0]}")
        probabilities = np.zeros((len(annotations), len(column)), np.float32)
        for row, annotation in enumerate(annotations):
            for name, probability in annotation.concepts:
                probabilities[row, column[name]] = probability
        return probabilities

    def decode(
        self,
        images: Iterable[Picture],
        user_tags: Sequence[str] | None = None,
        num_results: int | None = None,
    ) -> list[ImageAnnotation]:
        """Returns captions or tags of pictures, the same as the run's export.

        Args:
          images: as for `predict`.
          user_tags: as for `predict`.
          num_results: length of the n-best list; None: the beam width.

        Returns:
          One annotation per image: `text`, `n_best`, `concepts`; that of an unreadable picture has
          an `error`.

        Raises:
          TypeError: `images` is one picture in place of a list.
          ValueError: the run does not read images, or its decoder is not trained.

        Example:
          >>> run.decode(["beach.jpg"])[0].text
        """
        if self.annotator.decoder is not None:
            self._plan.check_trains_decoder(self.path)
        return self._annotate(images, user_tags, num_results)

    def evaluate(
        self, data_dir: str | os.PathLike[str], split: str | None = None, **options: Any
    ) -> dict[str, Any]:
        """Scores the run on a prepared split; see `semreg_tf.evaluate`."""
        return evaluate(self.path, data_dir, split, **options)

    def summary(self) -> str:
        """Returns a few lines with experiment, stage, step, sizes and numbers of parameters."""
        step = checkpoints.read_state(checkpoints.best_or_last(self.path))["step"]
        lines = [
            f"{self.config.name}, {self.stage} stage, step {step:,} ({self.path})",
            f"{self.config.data.task} of {self.config.data.dataset}: "
            f"{len(self.vocabularies.concepts):,} concepts, "
            f"{self.vocabularies.output.size:,} output rows",
        ]
        for name in _PARTS:
            part = getattr(self.annotator, name)
            if part is not None:
                count = sum(int(np.prod(v.shape)) for v in part.trainable_variables)
                kind = f" ({self.config.encoder.name})" if name == "encoder" else ""
                lines.append(f"{name}{kind}: {count:,} trainable parameters")
        return "\n".join(lines)

    @property
    def _plan(self) -> Stage:
        return find_stage(self.config, self.stage)

    def _annotate(
        self,
        images: Iterable[Picture],
        user_tags: Sequence[str] | None,
        num_results: int | None,
    ) -> list[ImageAnnotation]:
        self._plan.check_sees_images(self.path)
        if num_results not in self._models:
            served = ServedAnnotator(self.config, self.vocabularies, self.annotator, num_results)
            info = {"task": self.config.data.task, "config": config_io.to_dict(self.config)}
            self._models[num_results] = PictureModel(info, served.signatures())
        return self._models[num_results].annotate(images, user_tags)


def load_run(path: str | os.PathLike[str]) -> TrainedRun:
    """Loads a trained run; see `TrainedRun`."""
    return TrainedRun(path)
