"""The jobs that `test_kills.py` kills: `python tests/killed_jobs.py JOB FOLDER DATA_DIR`.

A job imports and builds what it needs, prints "begin", works in FOLDER, and prints "end".
"""

import contextlib
import dataclasses
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def begin():
    print("begin", flush=True)


def prepare(folder, data_dir):
    from data_prep.demo.demo_dataset_builder import Builder
    from data_prep.preparation import prepare

    builder = Builder(num_images={"train": 60, "validation": 8, "test": 8}, data_dir=folder)
    begin()
    with contextlib.redirect_stdout(sys.stderr):
        prepare(builder)


def train(folder, data_dir):
    from semreg_tf import config_io, experiments
    from semreg_tf.training.trainer import Trainer

    overrides = ("relational.steps=12", "relational.checkpoint_every_steps=1", "decoder.cells=16")
    overrides += ("relational.validate_every_steps=4", "relational.validation_images=4")
    config = config_io.apply_overrides(experiments.get("demo_tags/s_cnn_rnn"), overrides)
    begin()
    Trainer(config, "relational", data_dir, folder / "run").train()


def features(folder, data_dir):
    import numpy as np

    from semreg_tf.data.features_cache import load_or_compute

    values = np.random.default_rng(0).normal(size=(400, 2, 64)).astype(np.float32)

    def compute(first):
        for start in range(first, len(values), 4):
            time.sleep(0.01)
            yield values[start : start + 4]

    begin()
    load_or_compute(folder, "key", values.shape, compute)


def _model(data_dir):
    import keras

    from semreg_tf import experiments
    from semreg_tf.config import EncoderConfig, ImageConfig
    from semreg_tf.data.records import find_builder
    from semreg_tf.data.vocabulary import Vocabularies
    from semreg_tf.models.annotator import Annotator

    keras.utils.set_random_seed(0)
    config = dataclasses.replace(
        experiments.get("demo_tags/s_cnn_rnn"),
        encoder=EncoderConfig(name="small_cnn", weights=None),
        image=ImageConfig(size=32, resize_ratio=1.0, random_crop=False),
    )
    vocabularies = Vocabularies.from_dataset(find_builder(data_dir, "demo").data_dir, config.data)
    return (
        config,
        vocabularies,
        Annotator(config, len(vocabularies.concepts), vocabularies.output.size),
    )


def export(folder, data_dir):
    from semreg_tf.export import export_parts
    from semreg_tf.exporting.export_part import ExportPart

    part = ExportPart(*_model(data_dir))
    begin()
    export_parts([part], folder / "model")


def annotate(folder, data_dir):
    """Uses the export that lies beside its folder."""
    from semreg_tf.annotating.collection import Job, annotate_collection
    from semreg_tf.annotating.picture_list import Picture
    from semreg_tf.inference import load

    pictures = [Picture(str(p)) for p in sorted((folder.parent / "pictures").iterdir())]
    job = Job(load(folder.parent / "model"), pictures, copies=folder / "copies", batch_size=2)
    begin()
    for _ in annotate_collection(job):
        time.sleep(0.02)


if __name__ == "__main__":
    job, folder, data_dir = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    folder.mkdir(parents=True, exist_ok=True)
    {f.__name__: f for f in (prepare, train, features, export, annotate)}[job](folder, data_dir)
    print("end", flush=True)
