"""The command: sizes and score differences are printed, a mistake is one line."""

import subprocess
import sys
from pathlib import Path

from semreg_tf.inference import load


def run(*flags):
    return subprocess.run(
        [sys.executable, "-m", "eval.export_model", *flags],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )


def test_half_precision_is_exported_and_compared(tag_run, demo_data, tmp_path):
    out = tmp_path / "half"
    done = run(
        f"--workdir={tag_run}",
        f"--out={out}",
        "--weights_dtype=float16",
        "--compare_on=validation",
        f"--data_dir={demo_data}",
    )
    assert done.returncode == 0, done.stderr
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("O-F1")]
    run_score, export_score, difference = map(float, line.split()[1:])
    assert abs(export_score - run_score - difference) < 2e-4
    assert "The best text is the same for" in done.stdout
    assert f"Exported to {out}: " in done.stdout
    assert "weights in float16; see MODEL.md there" in done.stdout
    # Progress bars and the library's own lines, but none of TensorFlow's about shards.
    assert "functional_saver" not in done.stderr
    assert load(out).info["weights_dtype"] == "float16"


def test_a_mistake_is_told_in_one_line(tmp_path):
    done = run(f"--workdir={tmp_path}", f"--out={tmp_path / 'x'}")
    assert done.returncode == 2
    assert [x for x in done.stderr.splitlines() if x.startswith("error: `workdir` must be")]
    assert "Traceback" not in done.stderr
