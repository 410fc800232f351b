"""A small prepared demo data set, and experiments cut to toy size."""

import contextlib
import dataclasses
import io
import signal
from typing import NamedTuple

import pytest

from semreg_tf.config import Config, EncoderConfig, ImageConfig

DEMO_IMAGES = {"train": 40, "validation": 8, "test": 8}


def pytest_configure():
    """Has Ctrl-C heeded, which a shell's background job is started to ignore, and its children."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def demo_data(tmp_path_factory):
    """Folder of a prepared demo data set of 56 images."""
    from data_prep.demo.demo_dataset_builder import Builder
    from data_prep.preparation import prepare

    folder = tmp_path_factory.mktemp("demo_data")
    with contextlib.redirect_stdout(io.StringIO()):
        prepare(Builder(num_images=DEMO_IMAGES, data_dir=folder))
    return folder


def _toy(config: Config, steps: int = 2) -> Config:
    def stage(section, **fields):
        return dataclasses.replace(
            section,
            steps=steps if section.steps is None else min(section.steps, steps),
            batch_size=8,
            validate_every_steps=0,
            patience=0,
            checkpoint_every_steps=1000,
            validation_images=4,
            **fields,
        )

    side = config.data.num_user_tags > 0
    word_embedding = 8
    decoder = config.decoder and dataclasses.replace(
        config.decoder,
        cells=16,
        word_embedding=word_embedding,
        second_embedding=config.decoder.second_embedding and 16,
    )
    return dataclasses.replace(
        config,
        data=dataclasses.replace(
            config.data,
            dataset="demo",
            num_concepts=12 if config.data.task == "captions" else None,
            num_user_tags=10 if side else 0,
            num_groups=5 if config.data.num_groups else 0,
            min_word_count=1,
            train_split="train",
            validation_split="validation",
            test_split="test",
        ),
        image=ImageConfig(size=32, resize_ratio=1.0, random_crop=False),
        encoder=EncoderConfig(
            name="small_cnn",
            weights=None,
            trainable=config.encoder.trainable,
            feature_dropout=config.encoder.feature_dropout,
        ),
        concepts=dataclasses.replace(
            config.concepts, places=dataclasses.replace(config.concepts.places, crop_grids=(2,))
        ),
        conditionings=tuple(
            dataclasses.replace(c, width=word_embedding) for c in config.conditionings
        ),
        decoder=decoder,
        labels=config.labels
        and dataclasses.replace(
            config.labels,
            decoder=dataclasses.replace(config.labels.decoder, cells=16, word_embedding=8),
        ),
        unary=stage(
            config.unary,
            head_only_steps=min(config.unary.head_only_steps or 0, 1),
            tag_only_steps=min(config.unary.tag_only_steps, 1),
            crop_steps=min(config.unary.crop_steps, 1),
        ),
        relational=stage(config.relational),
        joint=stage(config.joint, decoder_only_steps=min(config.joint.decoder_only_steps, steps)),
    )


@pytest.fixture(scope="session")
def toy():
    """Cuts an experiment to toy size on the demo data: `toy(config, steps=2)`."""
    return _toy


def _train_joint(name, seeds, data_dir, folder):
    from semreg_tf import experiments
    from semreg_tf.training.trainer import Trainer

    paths = [folder / f"joint{seed}" for seed in seeds]
    for seed, path in zip(seeds, paths, strict=True):
        config = dataclasses.replace(_toy(experiments.get(name), steps=60), seed=seed)
        # Fast enough that predictions of images and of seeds come to differ.
        joint = dataclasses.replace(config.joint, learning_rate=0.01)
        config = dataclasses.replace(config, joint=joint)
        Trainer(config, "joint", data_dir, path).train()
    return paths


@pytest.fixture(scope="session")
def caption_runs(demo_data, tmp_path_factory):
    """Work directories of two joint caption runs of toy size that differ in their seed."""
    folder = tmp_path_factory.mktemp("caption_runs")
    return _train_joint("demo_captions/s_cnn_rnn", (0, 1), demo_data, folder)


@pytest.fixture(scope="session")
def tag_run(demo_data, tmp_path_factory):
    """Work directory of a joint tag run of toy size."""
    folder = tmp_path_factory.mktemp("tag_run")
    return _train_joint("demo_tags/s_cnn_rnn", (0,), demo_data, folder)[0]


@pytest.fixture(scope="session")
def bare_run(demo_data, tmp_path_factory):
    """Work directory of a run of toy size with two checkpoints of a few weights, never trained."""
    import keras
    import numpy as np

    from semreg_tf import experiments
    from semreg_tf.data.records import find_builder
    from semreg_tf.data.vocabulary import Vocabularies
    from semreg_tf.training import checkpoints, workdir
    from semreg_tf.training.identity import identity

    config = _toy(experiments.get("demo_tags/s_cnn_rnn_tag1k"))
    vocabularies = Vocabularies.from_dataset(find_builder(demo_data, "demo").data_dir, config.data)
    path = tmp_path_factory.mktemp("bare_run") / "run"
    workdir.open_workdir(path, config, vocabularies, "unary")
    for step in (1, 2):
        state = {"stage": "unary", "metric": ["O-F1", 0.1 * step], "is_best": True}
        weights = {"head/000/w": keras.Variable(np.full((4, 5), step, "f"))}
        saved = checkpoints.save(path, step, weights, state | identity(config, vocabularies))
        checkpoints.mark_best(path, saved, *state["metric"])
    return path


class ToyExport(NamedTuple):
    path: object
    vocabularies: object
    model: object


@pytest.fixture(scope="session")
def toy_export(demo_data, tmp_path_factory):
    """Exports an experiment at toy size with random weights, once: `toy_export(name)`."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = _export_random(name, demo_data, tmp_path_factory.mktemp("export"))
        return made[name]

    return get


def _export_random(name, data_dir, folder):
    import keras
    import numpy as np

    from semreg_tf import experiments
    from semreg_tf.data.records import find_builder
    from semreg_tf.data.vocabulary import Vocabularies
    from semreg_tf.export import export_parts
    from semreg_tf.exporting.export_part import ExportPart
    from semreg_tf.inference import load
    from semreg_tf.models.annotator import Annotator

    keras.utils.set_random_seed(0)
    config = _toy(experiments.get(name))
    vocabularies = Vocabularies.from_dataset(find_builder(data_dir, "demo").data_dir, config.data)
    annotator = Annotator(config, len(vocabularies.concepts), vocabularies.output.size)
    generator = np.random.default_rng(0)
    for variable in annotator.head.trainable_variables:
        # So large that pictures differ: the features of a new CNN hardly do.
        if "image_logits" in variable.path:
            variable.assign(5 * generator.normal(size=variable.shape))
    path = export_parts([ExportPart(config, vocabularies, annotator)], folder / "model")
    return ToyExport(path, vocabularies, load(path))
