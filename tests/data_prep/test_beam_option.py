import pytest


@pytest.mark.large
def test_a_run_without_a_runner_is_refused_in_one_line(run_command, flickr8k_raw_dir, tmp_path):
    failed = run_command(
        "prepare_flickr8k",
        f"--raw_dir={flickr8k_raw_dir}",
        f"--data_dir={tmp_path / 'data'}",
        "--beam_pipeline_options=direct_num_workers=2",
    )
    assert failed.returncode == 2
    assert failed.stderr.splitlines()[-1].startswith(
        "error: `beam_pipeline_options` must name a runner"
    )
    assert not (tmp_path / "data").exists()
