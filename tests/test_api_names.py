"""`import semreg_tf` is quick, and offers the names that docs/api.md lists."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import semreg_tf

ROOT = Path(__file__).parents[1]


def test_importing_it_imports_nothing_slow():
    code = (
        "import sys, semreg_tf\n"
        "assert semreg_tf.experiments.names()\n"
        "slow = {'tensorflow', 'keras', 'numpy', 'tensorflow_datasets'} & set(sys.modules)\n"
        "assert not slow, slow"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_documented_names_are_there():
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for name in semreg_tf.__all__:
        assert getattr(semreg_tf, name) is not None
        assert name in text or name == "__version__"
    assert set(semreg_tf.__all__) <= set(dir(semreg_tf))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = semreg_tf.trian


@pytest.mark.large
def test_the_documented_example_runs(demo_data, tmp_path):
    small = [
        f"{stage}.{field}={value}"
        for stage in ("unary", "relational", "joint")
        for field, value in (("steps", 2), ("validate_every_steps", 0), ("patience", 0))
    ]
    done = subprocess.run(
        [sys.executable, "docs/api_example.py", str(demo_data), str(tmp_path), *small],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "'joint': 2}" in done.stdout
    assert "concept probabilities (3, 28)" in done.stdout
    assert len((ROOT / "docs" / "api_example.py").read_text().splitlines()) < 30
