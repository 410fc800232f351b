"""The command: sizes and score differences are printed, a mistake is one line."""

from semreg_tf.inference import load
from tests.processes import run_module


def run(*flags):
    return run_module("eval.export_model", *flags)


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


def test_flags_that_do_not_go_together_are_refused(tmp_path):
    out = f"--out={tmp_path / 'x'}"
    for flags, named in (
        (("--workdir=a", "--npm_modules=x"), "`npm_modules` has a use with format=litert alone"),
        (("--workdir=a", "--workdir=b", "--format=litert"), "`format` litert takes one `workdir`"),
        (("--workdir=a", "--compare_on=x"), "`data_dir` must be given to compare scores"),
    ):
        done = run(*flags, out)
        assert done.returncode == 2
        assert named in done.stderr
