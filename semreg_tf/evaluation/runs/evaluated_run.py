"""A trained run, or several as an ensemble, with the data set to evaluate it on."""

from collections.abc import Sequence
from pathlib import Path

from semreg_tf import config_io
from semreg_tf.config import AFTER_TRAINING, Config
from semreg_tf.data import batch
from semreg_tf.data.dataset_digests import content_digests
from semreg_tf.data.input_pipeline import Inputs, Split
from semreg_tf.data.records import find_builder
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.evaluation.evaluated_model import EvaluatedModel
from semreg_tf.files.result_origin import checkpoint_origin
from semreg_tf.models.ensemble import Ensemble
from semreg_tf.training import checkpoints, workdir
from semreg_tf.training.features import model_inputs, side_keys, visual_keys
from semreg_tf.training.phases import Stage, find_stage

TEST_VIEWS = "image.test_views"


class EvaluatedRun(EvaluatedModel):
    """One trained run, or several whose probabilities are averaged at each step.

    Attributes:
      path: work directory of the first run.
      paths: work directories of all runs.
      config: config of the first run, with overrides.
      vocabularies: vocabularies of all runs.
      stage: stage of all runs.
      is_label_part: whether it is the tag model of a run on captions and labels.
      checkpoints: `step` and `sha256` of each run's evaluated checkpoint.
      contents: the `content_digests` of the data set.
      warnings: sentences on runs that were trained on other content of the data set.

    Args:
      path: work directory, or several.
      data_dir: the folder of prepared data sets.
      overrides: values of config fields of decoding and reranking, such as
        "decoding.beam_width=5", and of `image.test_views`.
      true_concepts: whether the decoder is fed the ground-truth concepts in place of the image's,
        for an upper bound.
      task: "tags" for the tag model of a run on captions and labels; None: the run's task.

    Raises:
      ValueError: there is no folder, the runs cannot be averaged, the data set is missing, or an
        override is of another section.
    """

    def __init__(
        self,
        path: str | Path | Sequence[str | Path],
        data_dir: str | Path,
        overrides: Sequence[str] = (),
        true_concepts: bool = False,
        task: str | None = None,
    ) -> None:
        paths = [path] if isinstance(path, str | Path) else list(path)
        if not paths:
            raise ValueError("`workdir` must be given at least once. Received: workdir=[]")
        self.paths = [Path(p) for p in paths]
        self.path = self.paths[0]
        first, vocabularies, self.stage = workdir.load_run(self.path, task)
        for other in self.paths[1:]:
            self._check_fits(first, vocabularies, other, task)
        self.is_label_part = first.data.task != workdir.load_run(self.path)[0].data.task
        config = override_decoding(first, overrides)
        self.true_concepts = true_concepts
        if true_concepts and {c.embedding for c in config.conditionings} != {"concepts"}:
            raise ValueError(
                "`true_concepts` may be True only where the decoder reads concepts alone. "
                f"Received: true_concepts=True, workdir={str(self.path)!r}"
            )
        builder = find_builder(data_dir, config.data.dataset)
        name, self.contents = config.data.dataset, content_digests(builder.data_dir)
        self.warnings = [
            warning
            for path in self.paths
            for warning in workdir.warn_of_other_content(path, name, self.contents)
        ]
        self.checkpoints = [checkpoint_origin(checkpoints.best_or_last(p)) for p in self.paths]
        members = [workdir.load_annotator(p, task)[2] for p in self.paths]
        if any(override.startswith(TEST_VIEWS) for override in overrides):
            for member in members:
                member.set_test_views(config.image.test_views)
        ensemble = Ensemble(members, config.decoding.ensemble_mean)
        super().__init__(config, vocabularies, ensemble, builder)

    @property
    def has_sequences(self) -> bool:
        """Whether the stage trains the decoder; the unary stage does not."""
        return self._stage_plan.trains_decoder

    @property
    def _stage_plan(self) -> Stage:
        return find_stage(self.config, self.stage)

    def inputs(self, split: Split, *more: str) -> list[Inputs]:
        """Returns each run's inputs of a split; the first run's include the keys `more`.

        Features of a frozen encoder are read from their cache, or computed and cached.
        """
        folder = Path(str(self.builder.data_dir)) / "features"
        inputs = []
        for i, member in enumerate(self.ensemble.members):
            further_keys = (batch.IMAGE_ID, *(() if i else more))
            if self.true_concepts:
                inputs.append(Inputs(split, (batch.CONCEPTS, *further_keys)))
            else:
                keys = (*visual_keys(member.config), *side_keys(member.config), *further_keys)
                inputs.append(model_inputs(member, split, keys, folder, self._train_split))
        return inputs

    def _train_split(self) -> Split:
        return self.split(self.config.data.train_split)

    def check_task(self, task: str) -> None:
        """Checks that the run can be evaluated on a task.

        Raises:
          ValueError: the run is on another task, does not read images, or is a captioner without a
            trained decoder.
        """
        if self.config.data.task != task:
            raise ValueError(
                f"`workdir` must hold a run on {task}. "
                f"Received: workdir={str(self.path)!r}, of {self.config.name!r}"
            )
        if not self.true_concepts:
            self._stage_plan.check_sees_images(self.path)
        if task == "captions":
            self._stage_plan.check_trains_decoder(self.path)

    def check_cnn(self, cnn: "EvaluatedRun") -> None:
        """Checks that a CNN's label sets can be compared with this run's; user tags may differ.

        Raises:
          ValueError: the CNN has another data set or other concepts, or cannot be evaluated on the
            task.
        """
        cnn.check_task(self.config.data.task)
        without_tags, cnn_without_tags = (
            Vocabularies(v.output, v.concepts) for v in (self.vocabularies, cnn.vocabularies)
        )
        difference = without_tags.difference(cnn_without_tags)
        if difference:
            raise ValueError(
                f"`cnn` has another vocabulary: {difference}. Received: cnn={str(cnn.path)!r}"
            )
        datasets = [run.config.data.dataset for run in (self, cnn)]
        if datasets[0] != datasets[1]:
            raise ValueError(
                f"`cnn` must be a run on {datasets[0]!r}, as the work directory is. "
                f"Received: cnn={str(cnn.path)!r}, on {datasets[1]!r}"
            )

    def _check_fits(
        self, first: Config, vocabularies: Vocabularies, path: Path, task: str | None
    ) -> None:
        config, others, stage = workdir.load_run(path, task)
        difference = vocabularies.difference(others)
        if config.data.task != first.data.task:
            difference = f"tasks: {first.data.task} and {config.data.task}"
        elif not difference and stage != self.stage:
            difference = f"stages: {self.stage} and {stage}"
        if difference:
            raise ValueError(
                "`workdir` given several times must hold runs on the same task, of equal "
                f"vocabularies and stage, to be averaged. They differ: {difference}. "
                f"Received: workdir={[str(self.path), str(path)]}"
            )


def override_decoding(config: Config, overrides: Sequence[str]) -> Config:
    """Returns a trained run's config with overrides such as "decoding.beam_width=5".

    Raises:
      ValueError: an override is of another section, or its value is invalid.
    """
    for override in overrides:
        if not override.startswith(AFTER_TRAINING):
            raise ValueError(
                "`--config` may change only decoding.*, reranking.* and image.test_views after "
                f"training, which fixed other fields. Received: --config.{override}"
            )
    return config_io.apply_overrides(config, overrides)
