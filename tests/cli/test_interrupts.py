"""Ctrl-C and SIGTERM in the binaries themselves: one line, the shell's status, all ended."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import PIL.Image
import pytest

ROOT = Path(__file__).parents[2]
SECS = 120
pytestmark = pytest.mark.large

TRAIN = ("--experiment=demo_tags/s_cnn_rnn", "--config.decoder.cells=16", "--data_dir={data}")
# A progress bar beyond its first step.
STEPS = r" [1-9]\d*/\d+ \["
# Binary, flags, and what it says when it is well under way.
BINARIES = {
    "prepare": ("data_prep.prepare", ("--dataset=demo", "--data_dir={tmp}"), "train examples"),
    "train": ("train.train_relational", (*TRAIN, "--workdir={tmp}/run"), STEPS),
    "train_all": ("train.train_all", (*TRAIN, "--workdir={tmp}/runs"), STEPS),
    "evaluate": (
        "eval.evaluate_captions",
        ("--workdir={run}", "--data_dir={data}", "--out={tmp}", "--meteor=no"),
        "Encoder",
    ),
    "export": ("eval.export_model", ("--workdir={run}", "--out={tmp}/export"), "Encoder"),
    "annotate": (
        "eval.annotate_images",
        ("--model={export}", "--answers={tmp}/a", "--batch_size=1", "{photos}"),
        r"\d\.png  ",
    ),
    "serve": ("eval.serve", ("--model={export}", "--port=0"), "Serving on"),
    "study": (
        "train.run_study",
        ("--study=demo", "--data_dir={data}", "--out={tmp}/s", "--results={tmp}/r"),
        STEPS,
    ),
}
SAYS = {
    "prepare": "Stopped; steps that were finished are kept",
    "train": "which is saved; the same command goes on from there.",
    "train_all": "the same command goes on from",
    "evaluate": "Stopped; no results were written",
    "export": "Stopped; no export was written.",
    "annotate": "Stopped; the answers so far",
    "serve": "Stopped; every accepted request was answered.",
    "study": "Stopped; jobs with a record are done",
}


@pytest.fixture(scope="module")
def places(demo_data, caption_runs, toy_export, tmp_path_factory):
    """The folders that the flags name: data, a run, an export, many pictures."""
    photos = tmp_path_factory.mktemp("photos")
    PIL.Image.new("RGB", (40, 30)).save(photos / "0.png")
    for number in range(1, 3000):
        (photos / f"{number}.png").hardlink_to(photos / "0.png")
    export = toy_export("demo_tags/s_cnn_rnn").path
    return {"data": demo_data, "run": caption_runs[0], "export": export, "photos": photos}


def start(*command):
    """Starts a program in a group of its own, as a shell does."""
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        start_new_session=True,
    )


def read_until(process, pattern):
    """Waits for a pattern in what the program says."""
    text, deadline = "", time.monotonic() + SECS
    while not re.search(pattern, text):
        if select.select([process.stdout], [], [], deadline - time.monotonic())[0]:
            chunk = os.read(process.stdout.fileno(), 65536).decode()
            assert chunk, text
            text += chunk
        elif time.monotonic() > deadline:
            os.killpg(process.pid, signal.SIGKILL)
            pytest.fail(f"never said {pattern!r}: {text}")


def is_running(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def rest_of(process):
    """Returns what it still says; fails where it does not end, or leaves others of its group."""
    said = process.communicate(timeout=SECS)[0].decode().replace("\r", "\n")
    deadline = time.monotonic() + 5
    while is_running(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(process.pid), said
    assert "Traceback" not in said and "Error" not in said, said
    return said


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("name", BINARIES)
def test_a_signal_ends_it_in_one_line(name, number, status, places, tmp_path):
    module, flags, pattern = BINARIES[name]
    flags = [flag.format(tmp=tmp_path, **places) for flag in flags]
    process = start(sys.executable, "-m", module, *flags)
    read_until(process, pattern)
    # The group, as a terminal does; `study` has a child in it, which hears of it twice.
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    said = rest_of(process)
    assert process.returncode == status, said
    lines = [line for line in said.splitlines() if "Stopped" in line]
    assert SAYS[name] in lines[-1]
    assert len(lines) == (2 if name == "study" else 1), said


def test_a_stopped_training_goes_on_where_it_was(places, tmp_path):
    module, flags, _ = BINARIES["train"]
    flags = [flag.format(tmp=tmp_path, **places) for flag in flags]
    process = start(sys.executable, "-m", module, *flags)
    read_until(process, STEPS)
    process.send_signal(signal.SIGINT)
    step = rest_of(process).split("Stopped at step ")[1].split(",")[0]
    process = start(sys.executable, "-m", module, *flags)
    read_until(process, f"Resuming at step {step} ")
    process.send_signal(signal.SIGTERM)
    rest_of(process)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_demo_ends_with_its_two_trainings(number, status, tmp_path):
    """The unary and the relational stage run side by side."""
    process = start("bash", "train/demo.sh", sys.executable, str(tmp_path))
    read_until(process, f"unary.*{STEPS}")
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    said = rest_of(process)
    assert process.returncode == status, said
    assert said.splitlines()[-1] == "Stopped; the same command goes on."
    assert "which is saved; the same command goes on from there." in said
