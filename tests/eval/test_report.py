"""The report's binary: a page from flags, one line where a flag is refused."""

import json

from tests.processes import run_module


def run(*flags):
    return run_module("eval.report", *flags)


def test_writes_a_page_of_several_runs(tmp_path):
    for name in ("unary", "joint"):
        (tmp_path / name).mkdir()
        about = {"config": {"name": "demo_tags/ria", "seed": 7}, "stage": name}
        (tmp_path / name / "config.json").write_text(json.dumps(about))
    out = tmp_path / "page.html"
    done = run(f"--workdir={tmp_path / 'unary'}", f"--workdir={tmp_path / 'joint'}", f"--out={out}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Report written to {out}\n"
    assert out.read_text(encoding="utf-8").count("demo_tags/ria") == 2


def test_a_folder_that_is_no_run_is_one_line(tmp_path):
    done = run(f"--workdir={tmp_path / 'typo'}", f"--out={tmp_path / 'page.html'}")
    assert done.returncode == 2
    assert done.stderr == (
        "error: `workdir` must be the folder of a run, with a config.json: config.json is "
        f"missing. Received: workdir={str(tmp_path / 'typo')!r}\n"
    )
    assert list(tmp_path.iterdir()) == []
