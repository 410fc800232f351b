"""A trained run, or several as an ensemble, and the data they are judged on."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semreg_tf import config_io
from semreg_tf.config import Config
from semreg_tf.data import batch
from semreg_tf.data.input_pipeline import Inputs, Split, load_split
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.evaluation.predictions import Predictions, decoder_label_scores, predict_together
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.encoder import encoder_spec
from semreg_tf.models.ensemble import Ensemble
from semreg_tf.training import workdir
from semreg_tf.training.features import frozen_outputs, image_size, side_keys, visual_keys
from semreg_tf.training.phases import Stage, find_stage

_AFTER_TRAINING = ("decoding.", "reranking.")


@dataclass(frozen=True)
class _Member:
    path: Path
    config: Config
    annotator: Annotator


class RunEvaluator:
    """One trained run, or several whose probabilities are averaged at each step.

    Attributes:
      path: work directory of the first run.
      paths: of all.
      config: of the first, the decoding overridden.
      vocabularies: of all.
      stage: of all.

    Args:
      path: work directory, or several.
      data_dir: the folder of prepared data sets.
      overrides: such as "decoding.beam_width=5"; decoding and reranking alone can be changed
        after training.
      true_concepts: the decoder is fed the ground truth in place of the image's concepts: the
        ceiling of the interface.

    Raises:
      ValueError: no folder, folders that do not fit together, data that is not there, or an
        override of anything else.
    """

    def __init__(
        self,
        path: str | Path | Sequence[str | Path],
        data_dir: str | Path,
        overrides: Sequence[str] = (),
        true_concepts: bool = False,
    ) -> None:
        paths = [path] if isinstance(path, str | Path) else list(path)
        if not paths:
            raise ValueError("`workdir` must be given at least once. Received: workdir=[]")
        self.paths = [Path(p) for p in paths]
        self.path = self.paths[0]
        first, self.vocabularies, self.stage = workdir.load_run(self.path)
        for other in self.paths[1:]:
            self._check_fits(first, other)
        self.config = override_decoding(first, overrides)
        self.true_concepts = true_concepts
        if true_concepts and {c.embedding for c in self.config.conditionings} != {"concepts"}:
            raise ValueError(
                "`true_concepts` may be True only where the decoder reads concepts alone. "
                f"Received: true_concepts=True, workdir={str(self.path)!r}"
            )
        self.builder = find_builder(data_dir, self.config.data.dataset)
        self._members = [_load(p) for p in self.paths]
        mean = self.config.decoding.ensemble_mean
        self.ensemble = Ensemble([m.annotator for m in self._members], mean)

    @property
    def _stage_plan(self) -> Stage:
        return find_stage(self.config, self.stage)

    def split(self, name: str) -> Split:
        """Loads a split."""
        return load_split(self.builder, name, self.vocabularies, self.config.data)

    def inputs(self, split: Split, *more: str) -> list[Inputs]:
        """Returns what an evaluation reads for each run, besides `more`, which the first alone has.

        A frozen encoder's features are read from their cache, and computed where there is none.
        """
        made = []
        for i, member in enumerate(self._members):
            if self.true_concepts:
                keys = (batch.CONCEPTS, batch.IMAGE_ID, *(() if i else more))
                made.append(Inputs(split, keys))
                continue
            config = member.config
            keys = (*visual_keys(config), *side_keys(config))
            folder = Path(str(self.builder.data_dir)) / "features"
            made.append(
                Inputs(
                    split,
                    (*keys, batch.IMAGE_ID, *(() if i else more)),
                    config.image,
                    image_size(config),
                    encoder_spec(config.encoder.name).preprocessing,
                    **frozen_outputs(
                        config,
                        member.annotator,
                        split,
                        folder,
                        keys,
                        train=lambda: self.split(self.config.data.train_split),
                    ),
                )
            )
        return made

    def predict(
        self, split: Split, num_results: int = 1, beam_width: int | None = None
    ) -> Predictions:
        """Annotates a split, with a progress bar; without sequences after the unary stage alone.

        Args:
          split: the split.
          num_results: sequences kept of each image.
          beam_width: in place of the config's, by beam search; None: as the config decodes.
        """
        decoding = self.config.decoding
        if beam_width is not None:
            decoding = dataclasses.replace(decoding, method="beam", beam_width=beam_width)
        return predict_together(
            self.ensemble,
            self.inputs(split),
            self.vocabularies,
            decoding,
            num_results=num_results,
            # The decoder has not been trained there: its words mean nothing.
            with_sequences=self._stage_plan.trains_decoder,
            progress=f"annotating {split.name}",
        )

    def concept_probabilities(self, split: Split) -> np.ndarray:
        """Returns the concept probabilities of a split, (images, num_concepts), with a bar."""
        return predict_together(
            self.ensemble,
            self.inputs(split),
            self.vocabularies,
            self.config.decoding,
            with_sequences=False,
            progress=f"scoring {split.name}",
        ).concept_probabilities

    def label_scores(self, split: Split) -> np.ndarray:
        """Returns how sure the decoder is of each label, (images, num_concepts), with a bar."""
        return decoder_label_scores(
            self.ensemble,
            self.inputs(split),
            self.vocabularies,
            self.config.decoding,
            progress=f"labels of {split.name}",
        )

    def check_task(self, task: str) -> None:
        """Refuses a run on another task, one that sees no image, a captioner without a decoder.

        Raises:
          ValueError: as said.
        """
        if self.config.data.task != task:
            raise ValueError(
                f"`workdir` must hold a run on {task}. "
                f"Received: workdir={str(self.path)!r}, of {self.config.name!r}"
            )
        stage = self._stage_plan
        if stage.reads_true_concepts and not self.true_concepts:
            raise ValueError(
                "`workdir` must hold a model that sees images: give the joint run, for the "
                f"{stage.name} stage is fed the true concepts (as --true_concepts would). "
                f"Received: workdir={str(self.path)!r}, of the {stage.name} stage"
            )
        if task == "captions" and not (self.ensemble.has_decoder and stage.trains_decoder):
            raise ValueError(
                "`workdir` must hold a trained decoder: give the joint run. "
                f"Received: workdir={str(self.path)!r}, of the {self.stage} stage"
            )

    def check_cnn(self, cnn: "RunEvaluator") -> None:
        """Refuses a CNN of another data set or of other concepts; its user tags are its own.

        Raises:
          ValueError: as said, or it saw no image.
        """
        cnn.check_task(self.config.data.task)
        ours, theirs = self.vocabularies, cnn.vocabularies
        other = Vocabularies(ours.output, ours.concepts).difference(
            Vocabularies(theirs.output, theirs.concepts)
        )
        if other:
            raise ValueError(
                f"`cnn` has another vocabulary: {other}. Received: cnn={str(cnn.path)!r}"
            )
        datasets = [run.config.data.dataset for run in (self, cnn)]
        if datasets[0] != datasets[1]:
            raise ValueError(
                f"`cnn` must be a run on {datasets[0]!r}, as the work directory is. "
                f"Received: cnn={str(cnn.path)!r}, on {datasets[1]!r}"
            )

    def _check_fits(self, first: Config, path: Path) -> None:
        config, vocabularies, stage = workdir.load_run(path)
        other = self.vocabularies.difference(vocabularies)
        if config.data.task != first.data.task:
            other = f"tasks: {first.data.task} and {config.data.task}"
        elif not other and stage != self.stage:
            other = f"stages: {self.stage} and {stage}"
        if other:
            raise ValueError(
                "`workdir` given several times must hold runs on the same task, of equal "
                f"vocabularies and stage, to be averaged. They differ: {other}. "
                f"Received: workdir={[str(self.path), str(path)]}"
            )


def override_decoding(config: Config, overrides: Sequence[str]) -> Config:
    """Returns the config of a trained run with another decoding.

    Args:
      config: the run's.
      overrides: such as "decoding.beam_width=5".

    Raises:
      ValueError: an override of another section, or one that the config refuses.
    """
    for override in overrides:
        if not override.startswith(_AFTER_TRAINING):
            raise ValueError(
                "`--config` may change decoding.* and reranking.* alone at evaluation: the rest is "
                f"as the run was trained. Received: --config.{override}"
            )
    return config_io.apply_overrides(config, overrides)


def _load(path: Path) -> _Member:
    config, _, annotator = workdir.load_annotator(path)
    return _Member(path, config, annotator)
