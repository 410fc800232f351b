"""TensorFlow is imported without Keras, which whoever asks for it later gets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A package that imports Keras as TensorFlow does: it looks for its folder, and goes on without it.
TENSORFLOW = """
import gc, importlib, importlib.util
folder = importlib.util.find_spec("keras").origin
collects = gc.isenabled()
try:
    importlib.import_module("keras.src.optimizers")
    has_keras = True
except ImportError:
    has_keras = False
"""


def _run(code, *folders):
    path = os.pathsep.join(map(str, (*folders, ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture
def packages(tmp_path):
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text(TENSORFLOW)
    (tmp_path / "keras" / "src").mkdir(parents=True)
    (tmp_path / "keras" / "__init__.py").write_text("")
    (tmp_path / "keras" / "src" / "__init__.py").write_text("")
    (tmp_path / "keras" / "src" / "optimizers.py").write_text("")
    return tmp_path


EASED = """
import gc, sys
from semreg_tf.tensorflow_import import ease_tensorflow_import
finders = list(sys.meta_path)
ease_tensorflow_import()
import tensorflow as tf
print(tf.has_keras, tf.collects, "keras" in sys.modules, sys.meta_path == finders, gc.isenabled())
import keras.src.optimizers
print(keras.__file__ == tf.folder)
"""


def test_tensorflow_gets_no_keras_and_whoever_asks_later_does(packages):
    assert _run(EASED, packages) == ["False", "False", "False", "True", "True", "True"]


def test_keras_first_is_left_alone(packages):
    eased = EASED.replace("import tensorflow", "import keras, tensorflow", 1)
    assert _run(eased, packages)[0] == "True"


@pytest.mark.large
def test_tensorflow_itself_goes_on_without_keras():
    code = EASED.split("import tensorflow")[0] + (
        "import tensorflow as tf\n"
        "print('keras' in sys.modules, tf.add(1, 2).numpy())\n"
        "import keras\n"
        "print(tf.keras.layers.Dense(2)(tf.zeros((1, 3))).shape[1])"
    )
    assert _run(code) == ["False", "3", "2"]
