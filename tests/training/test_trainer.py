"""The trainer: resume is exact, a kill costs nothing, a stage moves only what it may."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import config_io, experiments
from semreg_tf.evaluation.likelihood_evaluator import caption_perplexity
from semreg_tf.evaluation.split_batches import SplitBatches
from semreg_tf.models.ensemble import Ensemble
from semreg_tf.training import checkpoints, workdir
from semreg_tf.training.trainer import NonFiniteLossError, Trainer
from semreg_tf.training.trainer_options import TrainerOptions
from semreg_tf.training.validator import Validator

ROOT = Path(__file__).parents[2]


def weights(path):
    checkpoint = checkpoints.list_checkpoints(path)[-1]
    reader = tf.train.load_checkpoint(str(checkpoint / "tensors"))
    return {n: reader.get_tensor(n) for n in reader.get_variable_to_shape_map()}


def assert_same_weights(one, other):
    a, b = weights(one), weights(other)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.mark.parametrize("stage", ["unary", "relational", "joint"])
def test_stopped_run_goes_on_to_the_very_same_weights(stage, toy, demo_data, tmp_path):
    config = toy(experiments.get("demo_captions/s_cnn_rnn"), steps=6)
    config = dataclasses.replace(
        config,
        encoder=dataclasses.replace(config.encoder, feature_dropout=0.3),
        unary=dataclasses.replace(config.unary, average_decay=0.9),
    )
    Trainer(config, stage, demo_data, tmp_path / "whole").train()
    section = dataclasses.replace(getattr(config, stage), checkpoint_every_steps=2)
    stopping = Trainer(
        dataclasses.replace(config, **{stage: section}), stage, demo_data, tmp_path / "parts"
    )
    step = checkpoints.save

    def stop_after_four(path, at, *args):
        saved = step(path, at, *args)
        if at == 4:
            raise KeyboardInterrupt
        return saved

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "save", stop_after_four)
        with pytest.raises(KeyboardInterrupt):
            stopping.train()
    assert checkpoints.read_state(checkpoints.list_checkpoints(tmp_path / "parts")[-1])["step"] == 4
    Trainer(config, stage, demo_data, tmp_path / "parts").train()
    assert_same_weights(tmp_path / "whole", tmp_path / "parts")


def test_same_seed_same_weights_and_another_seed_others(toy, demo_data, tmp_path):
    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    other = dataclasses.replace(config, seed=1)
    for name, one in (("a", config), ("b", config), ("c", other)):
        Trainer(one, "joint", demo_data, tmp_path / name).train()
    assert_same_weights(tmp_path / "a", tmp_path / "b")
    a, c = weights(tmp_path / "a"), weights(tmp_path / "c")
    assert any(not np.array_equal(a[n], c[n]) for n in a)


@pytest.mark.parametrize(
    ("name", "stage", "moves"),
    [
        ("demo_tags/s_cnn_rnn", "unary", {"encoder", "head"}),
        ("demo_tags/s_cnn_rnn", "relational", {"decoder"}),
        ("demo_tags/s_cnn_rnn", "joint", {"encoder", "head", "decoder"}),
        ("demo_tags/s_cnn_rnn_tag1k_fix", "joint", {"head", "decoder"}),
        ("demo_tags/ria", "joint", {"encoder", "decoder"}),
    ],
)
def test_a_stage_moves_only_what_it_may(name, stage, moves, toy, demo_data, tmp_path):
    trainer = Trainer(toy(experiments.get(name)), stage, demo_data, tmp_path / "run")
    before = {n: np.array(v) for n, v in trainer.annotator.all_variables().items()}
    trainer.train()
    after = trainer.annotator.all_variables()
    seeds = ("seed_generator_state",)
    moved = {
        n.split("/")[0]
        for n in before
        if not n.endswith(seeds) and not np.array_equal(before[n], np.array(after[n]))
    }
    assert moved == moves


def test_batch_norm_statistics_move_in_the_unary_stage_and_rest_in_the_joint(
    toy, demo_data, tmp_path
):
    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    for stage, moves in (("unary", True), ("joint", False)):
        trainer = Trainer(config, stage, demo_data, tmp_path / stage)
        named = trainer.annotator.all_variables()
        statistics = [n for n in named if n.endswith("moving_mean")]
        before = {n: np.array(named[n]) for n in statistics}
        trainer.train()
        assert statistics
        assert any(not np.array_equal(before[n], np.array(named[n])) for n in statistics) is moves


def test_joint_starts_from_the_two_earlier_stages(toy, demo_data, tmp_path):
    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    for stage in ("unary", "relational"):
        Trainer(config, stage, demo_data, tmp_path / stage).train()
    joint = Trainer(
        config,
        "joint",
        demo_data,
        tmp_path / "joint",
        TrainerOptions(unary=tmp_path / "unary", relational=tmp_path / "relational"),
    )
    unary, relational = weights(tmp_path / "unary"), weights(tmp_path / "relational")
    for name, variable in joint.annotator.all_variables().items():
        source = relational if name.startswith("decoder") else unary
        np.testing.assert_array_equal(np.array(variable), source[name], err_msg=name)
    assert "unary" in joint.sources["encoder"]
    assert "relational" in joint.sources["decoder"]


@pytest.mark.parametrize("name", ["demo_captions/nic_deeply", "demo_captions/nic_f"])
def test_decoder_pretrained_on_features_starts_the_joint_stage(name, toy, demo_data, tmp_path):
    config = toy(experiments.get(name))
    encoder = dataclasses.replace(config.encoder, standardise=True)
    stages = tuple(
        s for s in ("unary", "relational", "joint") if s in (*config.stages, "relational")
    )
    config = dataclasses.replace(config, encoder=encoder, stages=stages)
    earlier = {}
    for stage in stages:
        trainer = Trainer(config, stage, demo_data, tmp_path / stage, TrainerOptions(**earlier))
        trainer.train()
        if stage == "relational" and earlier:
            assert trainer.sources["encoder"].startswith(str(tmp_path / "unary"))
        earlier[stage] = tmp_path / stage
    assert trainer.sources["decoder"].startswith(str(tmp_path / "relational"))
    (name,) = [n for n in weights(tmp_path / "relational") if "deviation" in n]
    for earlier_stage in ("relational", "joint"):
        deviation = weights(tmp_path / earlier_stage)[name]
        assert deviation.std() > 0
        np.testing.assert_allclose(deviation, weights(tmp_path / stages[0])[name], rtol=1e-5)


def test_relational_stage_on_true_concepts_refuses_a_cnn(toy, demo_data, tmp_path):
    config = toy(experiments.get("demo_captions/s_cnn_rnn"))
    with pytest.raises(ValueError, match=r"`unary` must be None .* Received: unary="):
        Trainer(config, "relational", demo_data, tmp_path / "run", TrainerOptions(unary=tmp_path))


def test_absurd_rate_stops_with_step_and_images_and_keeps_the_checkpoint(toy, demo_data, tmp_path):
    config = toy(experiments.get("demo_captions/s_cnn_rnn"), steps=60)
    section = dataclasses.replace(
        config.relational, learning_rate=1e30, clip_norm=None, checkpoint_every_steps=1
    )
    trainer = Trainer(
        dataclasses.replace(config, relational=section), "relational", demo_data, tmp_path / "run"
    )
    with pytest.raises(NonFiniteLossError, match=r"at step \d+ \(images demo_\d+.*learning_rate"):
        trainer.train()
    assert checkpoints.list_checkpoints(tmp_path / "run")


def test_tag_mlp_alone_reads_no_image(toy, demo_data, tmp_path):
    config = toy(experiments.get("demo_tags/s_cnn_rnn_tag1k"))
    config = config_io.apply_overrides(config, ["unary.part=tags"])
    trainer = Trainer(config, "unary", demo_data, tmp_path / "run")
    before = [np.array(v) for v in trainer.annotator.variables("tag_model")]
    trainer.train()
    after = trainer.annotator.variables("tag_model")
    assert all(not np.array_equal(a, np.array(b)) for a, b in zip(before, after, strict=True))


def test_a_handful_of_captions_is_overfitted(toy, demo_data, tmp_path):
    config = toy(experiments.get("demo_captions/s_cnn_rnn"), steps=150)
    config = config_io.apply_overrides(
        config,
        [
            "data.train_split=test",
            "data.purpose=fit",
            "relational.learning_rate=0.01",
            "decoder.cells=64",
            "decoder.input_dropout=0",
            "decoder.output_dropout=0",
            "relational.batch_size=40",
        ],
    )
    trainer = Trainer(config, "relational", demo_data, tmp_path / "run")
    trainer.train()
    rows = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    assert float(rows[-1].split('"loss": ')[1].rstrip("}")) < 12  # about 50 at first


def test_work_directory_of_another_run_is_refused(toy, demo_data, tmp_path):
    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    Trainer(config, "unary", demo_data, tmp_path / "run")
    with pytest.raises(ValueError, match=r"`workdir` must be new .*of unary"):
        Trainer(config, "joint", demo_data, tmp_path / "run")
    other = config_io.apply_overrides(config, ["unary.learning_rate=0.5"])
    with pytest.raises(ValueError, match=r"`workdir` .* differs in unary.learning_rate"):
        Trainer(other, "unary", demo_data, tmp_path / "run")


@pytest.mark.parametrize(
    ("change", "best"),
    [
        ([], "step-00000001"),
        (["relational.validation_images=8"], "step-00000003"),
        (["decoding.max_steps=5"], "step-00000003"),
    ],
)
def test_validations_of_another_kind_choose_the_best_checkpoint_anew(
    change, best, toy, demo_data, tmp_path, monkeypatch
):
    values = iter((0.9, 0.8, 0.3, 0.2))
    monkeypatch.setattr(
        Validator, "validate", lambda _, phase, *__: (phase.metric_name, next(values))
    )
    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    config = config_io.apply_overrides(config, ["relational.validate_every_steps=1"])
    Trainer(config, "relational", demo_data, tmp_path).train()
    config = config_io.apply_overrides(config, ["relational.steps=4", *change])
    results = Trainer(config, "relational", demo_data, tmp_path).train()
    assert results["best"]["checkpoint"] == best


def test_a_relational_run_serves_a_model_with_user_tags(toy, demo_data, tmp_path):
    plain = toy(experiments.get("demo_tags/s_cnn_rnn"))
    Trainer(plain, "relational", demo_data, tmp_path / "relational").train()
    tags = toy(experiments.get("demo_tags/s_cnn_rnn_tag1k"))
    joint = Trainer(
        tags,
        "joint",
        demo_data,
        tmp_path / "joint",
        TrainerOptions(unary=None, relational=tmp_path / "relational"),
    )
    assert joint.sources["decoder"].startswith(str(tmp_path / "relational"))


def test_validation_perplexity_of_captions_goes_to_tensorboard(toy, demo_data, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trainer = Trainer(toy(experiments.get("demo_captions/mrnn")), "joint", demo_data, tmp_path)
    trainer.train()
    events = EventAccumulator(str(tmp_path / "logs"))
    events.Reload()
    told = {
        name: float(tf.make_ndarray(events.Tensors(f"validation/{name}")[0].tensor_proto))
        for name in ("perplexity", "log2_perplexity")
    }
    inputs = trainer.data.inputs(trainer.annotator, trainer.data.validation, trainer.phases[0].keys)
    made = caption_perplexity(
        Ensemble([trainer.annotator]), SplitBatches([inputs]), trainer.vocabularies
    )
    assert told == pytest.approx({name: made[name] for name in told}, rel=1e-5)
    assert told["log2_perplexity"] == pytest.approx(np.log2(told["perplexity"]), rel=1e-5)


def test_warm_start_refuses_what_does_not_fit(toy, demo_data, tmp_path):
    tags = toy(experiments.get("demo_tags/s_cnn_rnn"))
    Trainer(tags, "unary", demo_data, tmp_path / "unary").train()
    with pytest.raises(ValueError, match="`relational` must be the work directory of a relational"):
        Trainer(
            tags, "joint", demo_data, tmp_path / "j1", TrainerOptions(relational=tmp_path / "unary")
        )
    captions = toy(experiments.get("demo_captions/s_cnn_rnn"))
    with pytest.raises(ValueError, match="`unary` must have this run's vocabulary"):
        Trainer(
            captions, "joint", demo_data, tmp_path / "j2", TrainerOptions(unary=tmp_path / "unary")
        )
    with pytest.raises(ValueError, match=r"`workdir` must be the folder of a run"):
        Trainer(
            tags, "joint", demo_data, tmp_path / "j3", TrainerOptions(unary=tmp_path / "nothing")
        )


@pytest.mark.large
def test_kill_at_random_points_ends_in_the_same_weights(demo_data, tmp_path):
    """`kill -9` several times, inside a checkpoint write too, then the same command."""
    command = [
        *(sys.executable, "-m", "train.train_relational"),
        *("--experiment=demo_tags/s_cnn_rnn", f"--data_dir={demo_data}"),
        *("--config.relational.steps=60", "--config.relational.checkpoint_every_steps=1"),
        *("--config.decoder.cells=64", "--config.relational.batch_size=8"),
    ]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*command, f"--workdir={whole}"], cwd=ROOT, check=True, capture_output=True)
    rng, kills = np.random.default_rng(0), 0
    while True:
        process = subprocess.Popen(
            [*command, f"--workdir={killed}"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if kills < 4:
            while process.poll() is None and len(checkpoints.list_checkpoints(killed)) < 2:
                time.sleep(0.05)
            time.sleep(rng.uniform(0, 1.5))
        if kills == 4 or process.poll() is not None:
            assert process.wait() == 0
            break
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
    assert kills > 0
    assert_same_weights(whole, killed)


def test_load_annotator_restores_the_best_checkpoint(toy, demo_data, tmp_path):
    config = toy(experiments.get("demo_tags/s_cnn_rnn"))
    trainer = Trainer(config, "joint", demo_data, tmp_path / "run")
    trainer.train()
    loaded_config, vocabularies, annotator = workdir.load_annotator(tmp_path / "run")
    assert loaded_config == config
    assert vocabularies.difference(trainer.vocabularies) is None
    ours = trainer.annotator.all_variables()
    for name, variable in annotator.all_variables().items():
        np.testing.assert_array_equal(np.array(variable), np.array(ours[name]), err_msg=name)


def test_a_data_set_with_fewer_user_tags_than_asked_for_gives_all_it_has(toy, demo_data, tmp_path):
    config = toy(experiments.get("demo_tags/cnn_logistic_tag1k"), steps=1)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, num_user_tags=1_000))
    for _ in range(2):  # The second start resumes the run.
        trainer = Trainer(config, "unary", demo_data, tmp_path / "run")
        trainer.train()
    number = len(trainer.vocabularies.user_tags)
    assert 0 < number < 1_000
    written, vocabularies, annotator = workdir.load_annotator(tmp_path / "run")
    assert written.data.num_user_tags == len(vocabularies.user_tags) == number
    assert annotator.tag_model.input["user_tags"].shape == (None, number)
