import PIL.Image
import pytest


def test_prints_the_tables_and_draws_the_sheet(run_command, demo_data, tmp_path):
    out = tmp_path / "sheet.png"
    done = run_command(
        "inspect_examples",
        f"--data_dir={demo_data}",
        "--dataset=demo",
        f"--out={out}",
        "--number=4",
        "--top=3",
    )
    assert done.returncode == 0, done.stderr
    assert "split train: 40 images" in done.stdout
    assert "images with each, the 3 most frequent" in done.stdout
    assert f"{out}: demo/1.0.0, train: 4 of 40 images" in done.stdout
    with PIL.Image.open(out) as sheet:
        assert sheet.format == "PNG"
        assert sheet.width == 2 * 20 + 4 * 264 + 3 * 14


@pytest.mark.large
def test_an_unknown_split_is_one_line(run_command, demo_data):
    failed = run_command(
        "inspect_examples", f"--data_dir={demo_data}", "--dataset=demo", "--split=all"
    )
    assert failed.returncode == 2
    assert failed.stderr.splitlines()[-1].startswith("error: `split` must be one of test, train")
