"""Two replicas give what one gives with the same global batch: two processes, or two devices."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import config_io, experiments
from semreg_tf.training import checkpoints
from semreg_tf.training.distribution import Distribution
from semreg_tf.training.trainer import Trainer
from semreg_tf.training.trainer_options import TrainerOptions

ROOT = Path(__file__).parents[2]
# Trains; argv: data_dir, workdir, stage, strategy, logical CPU devices, overrides.
PROGRAM = """
import sys
import tensorflow as tf
data_dir, path, stage, strategy, devices, *overrides = sys.argv[1:]
cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(
    cpus[0], [tf.config.LogicalDeviceConfiguration()] * int(devices))
tf.config.threading.set_intra_op_parallelism_threads(1)
from semreg_tf.training.distribution import Distribution
distribution = Distribution(strategy)
from tests.training import test_distribution
test_distribution.train(data_dir, path, stage, overrides, distribution)
"""
TINY = [
    "image.size=32",
    "image.random_flip=false",
    "data.num_concepts=12",
    "data.min_word_count=1",
    "data.captions_per_image=null",
    "decoder.cells=16",
    "decoder.word_embedding=8",
    "decoder.input_dropout=0",
    "decoder.output_dropout=0",
    *(
        f"{stage}.{field}"
        for stage in ("relational", "joint")
        for field in (
            "steps=3",
            "batch_size=8",
            "validate_every_steps=2",
            "validation_images=4",
            "clip_norm=0.5",
            "checkpoint_every_steps=2",
        )
    ),
    "joint.encoder_clip_norm=0.05",
    "joint.average_decay=0.6",
    "joint.update_batch_norm=false",
    "decoding.max_steps=4",
]


def train(data_dir, path, stage, overrides, distribution=None):
    """Trains, and prints and returns the logs of every step."""
    config = config_io.apply_overrides(experiments.get("demo_captions/s_cnn_rnn"), overrides)
    trainer = Trainer(config, stage, data_dir, path, TrainerOptions(distribution=distribution))
    rows, check = [], trainer._check_finite

    def record(step, logs, image_ids):
        rows.append({**logs, "replicas": trainer.distribution.num_replicas})
        check(step, logs, image_ids)

    trainer._check_finite = record
    trainer.train()
    print("ROWS", json.dumps(rows))
    return rows


def start(data_dir, path, stage, strategy="none", devices=1, tf_config=None, overrides=()):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if tf_config is not None:
        environment["TF_CONFIG"] = json.dumps(tf_config)
    arguments = [data_dir, path, stage, strategy, devices, *TINY, *overrides]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rows_of(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err[-2000:]
    (line,) = [x for x in out.splitlines() if x.startswith("ROWS ")]
    return json.loads(line.removeprefix("ROWS "))


def free_ports(number):
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("localhost", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def two_workers(data_dir, path, stage, overrides=()):
    workers = [f"localhost:{port}" for port in free_ports(2)]
    made = [
        start(
            data_dir,
            path,
            stage,
            "multi_worker_mirrored",
            tf_config={
                "cluster": {"worker": workers},
                "task": {"type": "worker", "index": index},
            },
            overrides=overrides,
        )
        for index in range(2)
    ]
    return [rows_of(process) for process in made]


def assert_same_run(one, other, first, second):
    assert [r["replicas"] for r in first] == [1] * len(first)
    assert [r["replicas"] for r in second] == [2] * len(second)
    clipped = [r["clipped"] for r in first]
    assert all(clipped), "the test means nothing where no gradient is clipped"
    for a, b in zip(first, second, strict=True):
        for name in a.keys() - {"replicas"}:
            np.testing.assert_allclose(b[name], a[name], rtol=1e-5, err_msg=name)
    a, b = (checkpoints.list_checkpoints(path)[-1] / "tensors" for path in (one, other))
    a, b = (tf.train.load_checkpoint(str(path)) for path in (a, b))
    assert a.get_variable_to_shape_map() == b.get_variable_to_shape_map()
    for name in a.get_variable_to_shape_map():
        if name.startswith(("decoder", "head", "encoder")):
            np.testing.assert_allclose(
                b.get_tensor(name), a.get_tensor(name), rtol=1e-4, atol=1e-5, err_msg=name
            )


@pytest.fixture(scope="module")
def one_replica(demo_data, tmp_path_factory):
    """The joint stage on one replica: its work directory and the logs of its steps."""
    path = tmp_path_factory.mktemp("one") / "run"
    return path, train(demo_data, path, "joint", TINY)


def test_two_processes_give_the_curve_of_one(one_replica, demo_data, tmp_path):
    first, second = two_workers(demo_data, tmp_path / "two", "joint")
    assert first == second
    assert_same_run(one_replica[0], tmp_path / "two", one_replica[1], first)
    assert checkpoints.read_best(tmp_path / "two")
    assert len((tmp_path / "two" / "history.jsonl").read_text().splitlines()) == 2


def test_two_devices_of_one_process_give_the_curve_of_one(one_replica, demo_data, tmp_path):
    two = rows_of(start(demo_data, tmp_path / "two", "joint", "mirrored", devices=2))
    assert_same_run(one_replica[0], tmp_path / "two", one_replica[1], two)


@pytest.mark.large
def test_every_worker_resumes_and_the_curve_stays_that_of_one(demo_data, tmp_path):
    # A schedule that ends at `steps` would make the shorter run another one.
    steady = ["relational.schedule=constant"]
    one = train(demo_data, tmp_path / "one", "relational", [*TINY, *steady])
    halfway = [*steady, "relational.steps=2"]
    first, second = two_workers(demo_data, tmp_path / "two", "relational", halfway)
    third, fourth = two_workers(demo_data, tmp_path / "two", "relational", steady)
    assert (len(first), len(third)) == (2, 1)
    assert first + third == second + fourth
    assert_same_run(tmp_path / "one", tmp_path / "two", one, first + third)


def start_binaries(data_dir, path):
    """Starts both workers of the relational stage as a user does, a checkpoint every step."""
    workers = [f"localhost:{port}" for port in free_ports(2)]
    fields = [*TINY, "relational.steps=80", "relational.checkpoint_every_steps=1"]
    command = [
        *(sys.executable, "-m", "train.train_relational", "--strategy=multi_worker_mirrored"),
        *("--experiment=demo_captions/s_cnn_rnn", f"--data_dir={data_dir}", f"--workdir={path}"),
        *(f"--config.{field}" for field in [*fields, "relational.validate_every_steps=0"]),
    ]
    made = []
    for index in range(2):
        task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        made.append(
            subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_CONFIG": json.dumps(task)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return made


def ends_of(processes):
    """Returns exit status and stderr of each; one that does not end within two minutes fails."""
    try:
        ended = [process.communicate(timeout=120)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, err) for process, err in zip(processes, ended, strict=True)]


def signal_when_saving(processes, index, number, path):
    """Sends a worker a signal once the run has saved twice."""
    while len(checkpoints.list_checkpoints(path)) < 2:
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)
    processes[index].send_signal(number)


def last_weights(path):
    found = checkpoints.list_checkpoints(path)[-1]
    reader = tf.train.load_checkpoint(str(found / "tensors"))
    return {name: reader.get_tensor(name) for name in checkpoints.stored_names(found)}


def last_step(path):
    return checkpoints.read_state(checkpoints.list_checkpoints(path)[-1])["step"]


@pytest.fixture(scope="module")
def undisturbed(demo_data, tmp_path_factory):
    """The last weights of two workers that nothing stopped."""
    path = tmp_path_factory.mktemp("undisturbed") / "run"
    assert [code for code, _ in ends_of(start_binaries(demo_data, path))] == [0, 0]
    return last_weights(path)


def assert_resumes(data_dir, path, undisturbed):
    assert 2 <= last_step(path) < 80
    assert [code for code, _ in ends_of(start_binaries(data_dir, path))] == [0, 0]
    found = last_weights(path)
    assert found.keys() == undisturbed.keys()
    for name, value in found.items():
        np.testing.assert_array_equal(value, undisturbed[name], err_msg=name)


@pytest.mark.large
@pytest.mark.parametrize("index", [0, 1])
def test_sigterm_to_one_of_two_workers_saves_and_stops_both(
    index, demo_data, tmp_path, undisturbed
):
    path = tmp_path / "run"
    processes = start_binaries(demo_data, path)
    signal_when_saving(processes, index, signal.SIGTERM, path)
    for code, err in ends_of(processes):
        assert code == 143, err
        assert f"Stopped at step {last_step(path)}, which is saved; the same command" in err
        assert "Traceback" not in err
    assert_resumes(demo_data, path, undisturbed)


@pytest.mark.large
@pytest.mark.parametrize("index", [0, 1])
def test_loss_of_one_of_two_workers_ends_the_other_with_one_line(
    index, demo_data, tmp_path, undisturbed
):
    path = tmp_path / "run"
    processes = start_binaries(demo_data, path)
    signal_when_saving(processes, index, signal.SIGKILL, path)
    ended = ends_of(processes)
    assert ended[index][0] == -signal.SIGKILL
    code, err = ended[1 - index]
    assert code == 2, err
    (line,) = [x for x in err.splitlines() if x.startswith("error: ")]
    assert "Another worker has ended. Run the same command on every worker again" in line
    assert "Traceback" not in err
    assert_resumes(demo_data, path, undisturbed)


def test_unknown_strategy_lists_the_known():
    with pytest.raises(ValueError, match=r"'mirrored'.*'tpu'.*strategy='ring'"):
        Distribution("ring")


def test_tpu_where_there_is_none_is_one_line():
    with pytest.raises(ValueError, match=r"`strategy` must fit this machine.*strategy='tpu'"):
        Distribution("tpu")


def test_one_replica_takes_any_batch():
    Distribution().check_batch(7)


def test_a_batch_that_cannot_be_shared_is_refused():
    distribution = Distribution()
    distribution.num_replicas = 4
    with pytest.raises(ValueError, match=r"`batch_size` .*multiple of the 4 replicas.*=6"):
        distribution.check_batch(6)


def test_xla_is_refused_among_several_replicas():
    distribution = Distribution()
    distribution.check_xla(True)
    distribution.num_replicas = 2
    distribution.check_xla(False)
    with pytest.raises(ValueError, match=r"`jit_compile` must be False .* 2 here.*'none'"):
        distribution.check_xla(True)
