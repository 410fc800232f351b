"""The notebooks run from the first cell to the last, at toy size."""

import os
import sys
from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient", reason="needs nbclient, of the extra dev")
nbformat = pytest.importorskip("nbformat", reason="needs nbformat, of the extra dev")

NOTEBOOKS = Path(__file__).parents[1] / "docs" / "notebooks"
STEPS = [
    *(f"{stage}.steps=2" for stage in ("unary", "relational", "joint")),
    *(f"{stage}.validate_every_steps=2" for stage in ("unary", "relational", "joint")),
    "unary.head_only_steps=1",
]
TOY_CNN = ["encoder.name=small_cnn", "encoder.weights=null", "image.size=32"]
# What the cell tagged "parameters" is followed by.
PARAMETERS = {
    "demo_table.ipynb": f"OVERRIDES = {STEPS!r}",
    "your_pictures.ipynb": f"FLAGS = {[f'--config.{x}' for x in STEPS + TOY_CNN]!r}",
}


def has_parameters(cell):
    return "parameters" in cell.metadata.get("tags", ())


def test_each_notebook_is_known_and_has_one_cell_of_parameters():
    assert {path.name for path in NOTEBOOKS.glob("*.ipynb")} == set(PARAMETERS)
    for name in PARAMETERS:
        cells = nbformat.read(NOTEBOOKS / name, as_version=4).cells
        assert sum(map(has_parameters, cells)) == 1


@pytest.mark.large
@pytest.mark.parametrize("name", PARAMETERS)
def test_it_runs_to_its_end(name, tmp_path, monkeypatch):
    command = tmp_path / "bin" / "semreg"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m semreg_tf "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOKS.parents[1]))
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    (given,) = [
        i for i, c in enumerate(notebook.cells) if "parameters" in c.metadata.get("tags", ())
    ]
    notebook.cells.insert(given + 1, nbformat.v4.new_code_cell(PARAMETERS[name]))
    client = nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    printed = "".join(
        output.get("text", "") + str(output.get("data", ""))
        for cell in notebook.cells
        for output in cell.get("outputs", ())
    )
    assert "error: " not in printed
    if name == "demo_table.ipynb":
        assert "| Ours | " in printed
    else:
        assert "tags: " in printed and "captions: " in printed and "00.png" in printed
