"""TensorFlow's start-up lines go, everything else that its import writes stays."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from semreg_tf.quiet_tensorflow import _NOISE, LEVEL

ROOT = Path(__file__).parents[1]
NOISE = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1795746800.233426    7292 port.cc:153] oneDNN custom operations are on.",
    "To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow with",
    "2024-01-01 10:00:00.123456: I tensorflow/core/util/port.cc:153] oneDNN custom operations",
    "E0000 00:00:1.5  7 cuda_dnn.cc:8579] Unable to register cuDNN factory: Attempting to",
    "W0000 00:00:1.5  7 computation_placer.cc:177] computation placer already registered. Please",
)
KEPT = (
    "E0000 00:00:1795746809.274316    7310 cuda_platform.cc:52] failed call to cuInit",
    "W0000 00:00:1.5  7 gpu_device.cc:2342] Cannot dlopen some GPU libraries.",
    "F0000 00:00:1.5  7 cpu_feature_guard.cc:1] The TensorFlow library was compiled to use AVX",
    "terminate called after throwing an instance of 'std::bad_alloc'",
    "ImportError: libcudart.so.12: cannot open shared object file",
)


EASE = "from semreg_tf.tensorflow_import import ease_tensorflow_import\nease_tensorflow_import()"


@pytest.fixture
def start(tmp_path):
    """Imports a module called tensorflow that writes these lines, under the filter."""

    def run(body, prepare=EASE, **environment):
        package = tmp_path / "tensorflow"
        package.mkdir()
        lines = "\n".join((*NOISE, *KEPT)) + "\n"
        (package / "__init__.py").write_text(f"import os\nos.write(2, {lines.encode()!r})\n{body}")
        code = (
            "import os, sys\n"
            f"{prepare}\n"
            "import tensorflow\n"
            "os.write(2, b'I0000 00:00:1.5 7 after.cc:1] this is not filtered\\n')\n"
        )
        path = os.pathsep.join((str(tmp_path), str(ROOT)))
        environment = {"PYTHONPATH": path, "PATH": os.environ["PATH"], **environment}
        return subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        )

    return run


def test_noise_goes_and_the_rest_stays(start):
    done = start("")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [*KEPT, "I0000 00:00:1.5 7 after.cc:1] this is not filtered"]


def test_the_api_is_as_quiet_as_a_binary(start):
    done = start(
        f"import sys; sys.exit(os.environ[{LEVEL!r}] != '3')",
        "import semreg_tf; semreg_tf.experiments; semreg_tf.register_encoder",
    )
    assert (done.returncode, done.stderr.splitlines()) == (0, list(KEPT))


def test_the_api_forks_no_process_with_threads_and_a_binary_does(start, tmp_path):
    wait = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()"
    api = start("", f"{wait}; import semreg_tf; semreg_tf.experiments")
    assert api.stderr.splitlines()[: len(NOISE)] == list(NOISE)
    shutil.rmtree(tmp_path / "tensorflow")
    assert start("", f"{wait}\n{EASE}").stderr.splitlines()[: len(KEPT)] == list(KEPT)


def test_what_was_written_before_a_crash_is_seen(start):
    done = start("os.write(2, b'last words'); os.abort()")
    assert done.returncode == -6
    assert done.stderr.splitlines() == [*KEPT, "last words"]


def test_a_failed_import_keeps_its_traceback(start):
    done = start("raise ImportError('no such library')")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ImportError: no such library"
    assert done.stderr.startswith(KEPT[0])


def test_whoever_asks_for_the_lines_sees_them_all(start):
    assert start("", **{LEVEL: "0"}).stderr.splitlines()[: len(NOISE)] == list(NOISE)


def test_the_pattern_tells_them_apart():
    assert all(_NOISE.match(line.encode()) for line in NOISE)
    assert not any(_NOISE.match(line.encode()) for line in KEPT)


@pytest.mark.large
def test_tensorflow_itself_writes_nothing():
    environment = {k: v for k, v in os.environ.items() if k != LEVEL}
    done = subprocess.run(
        [sys.executable, "-m", "eval.list_experiments", "--match=demo_tags/ria", "--parameters"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "trainable: depends on the data set" in done.stdout
