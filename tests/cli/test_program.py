"""How binaries start: flags as given, and every mistake named in one line."""

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from absl import flags

from cli import program

ROOT = Path(__file__).parents[2]


@pytest.fixture
def values(monkeypatch):
    """A binary's flags: --data_dir, which is required, and one of each kind."""
    values = flags.FlagValues()
    flags.DEFINE_string("data_dir", None, "A folder.", flag_values=values, required=True)
    flags.DEFINE_multi_string("config", [], "Overrides.", flag_values=values)
    flags.DEFINE_enum("task", "tags", ["tags", "captions"], "What.", flag_values=values)
    flags.DEFINE_multi_integer("seeds", [0], "Seeds.", 0, flag_values=values)
    flags.DEFINE_float("secs", 1.0, "Seconds.", flag_values=values)
    flags.DEFINE_boolean("dry", False, "Whether.", flag_values=values)
    flags.register_validator("secs", lambda x: x > 0, "The flag has no past.", flag_values=values)
    monkeypatch.setattr(program.flags, "FLAGS", values)
    return values


@pytest.mark.parametrize("terminal", [True, False])
def test_bars_are_slow_where_nobody_watches(monkeypatch, terminal):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(program.os, "environ", environment := {"TQDM_MAXINTERVAL": "7"})
    program._slow_down_bars()
    assert environment.get("TQDM_MININTERVAL") == (None if terminal else "30")
    assert environment["TQDM_MAXINTERVAL"] == "7"


def test_overrides_are_values_of_the_config_flag(values):
    given = ["--config.joint.steps=3", "-config.data.dataset=a=b\nc", "--config=a.0=3"]
    assert program.parse_flags(["x", *given, "--data_dir=--config.a=3"]) == ["x"]
    assert values.config == ["joint.steps=3", "data.dataset=a=b\nc", "a.0=3"]
    assert values.data_dir == "--config.a=3"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--datadir=d"], r"no flag --datadir: did you mean '--data_dir'\? --help lists"),
        (["--zzz"], r"There is no flag --zzz\. --help lists the flags\. Received: --zzz$"),
        (["--data_dir=d", "--config.seed", "3"], r"--config\.seed must be written --config\.seed="),
        ([], r"`--data_dir` must be given; see --help"),
        (
            ["--data_dir=d", "--task=tag"],
            r"^`--task` must be one of tags, captions\. Received: --task=tag$",
        ),
        (
            ["--data_dir=d", "--seeds=0,a: b"],
            r"^`--seeds` must be a non-negative integer; repeat it for several\. "
            r"Received: --seeds=0,a: b$",
        ),
        (["--data_dir=d", "--secs=x"], r"^`--secs` must be a number\. Received: --secs=x$"),
        (["--data_dir=d", "--dry=x"], r"^`--dry` must be true or false\. Received: --dry=x$"),
        (["--data_dir=d", "--secs=-3"], r"^flag --secs=-3\.0: The flag has no past\.$"),
        (["--data_dir=d", "e"], r"use flags, as --name=value; --help lists them\. Received: 'e'"),
    ],
)
def test_a_mistake_is_named(values, given, message):
    with pytest.raises(ValueError, match=message):
        program.parse_flags(["x", *given])


def test_arguments_are_passed_on_where_a_binary_takes_them(values):
    assert program.parse_flags(["x", "--data_dir=d", "a", "b"], "pictures") == ["x", "a", "b"]


def start(code, *arguments):
    """Starts a binary of these lines, which may use `program`, `sys` and `time`."""
    head = "import sys, time\nfrom cli import program\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + textwrap.dedent(code), *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


WAITS = """
def main(argv):
    print("ready", flush=True)
    time.sleep(60)
program.run(main, stopped="Stopped; all is kept.")
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_one_line_and_the_shells_status(number, status):
    with start(WAITS) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.wait(20) == status
        assert process.stderr.read() == "Stopped; all is kept.\n"


@pytest.mark.large
def test_a_second_signal_ends_at_once_what_does_not_heed_the_first():
    """The main thread is held in C, as by TensorFlow, so no handler in Python can run."""
    code = """
    import hashlib
    def main(argv):
        print("ready", flush=True)
        hashlib.pbkdf2_hmac("sha256", b"", b"", 40_000_000)
    program.run(main)
    """
    with start(code) as process:
        assert process.stdout.readline() == "ready\n"
        # Until it is in C, where no signal is heeded.
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130


@pytest.mark.large
def test_a_reader_that_has_gone_away_is_no_error():
    code = """
    def main(argv):
        for i in range(100_000):
            print(i)
    program.run(main)
    """
    with start(code) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 128 + signal.SIGPIPE
        assert process.stderr.read() == ""


def test_a_mistake_ends_a_binary_with_status_2():
    with start("program.run(print)", "--nothing") as process:
        assert process.wait(20) == 2
        assert process.stderr.read().startswith("error: There is no flag --nothing. ")
