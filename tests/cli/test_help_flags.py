"""Flags that are read before the command line is parsed, and a user's own modules."""

import sys

import pytest

from cli.help_flags import import_modules, values_on


@pytest.mark.parametrize(
    ("argv", "values"),
    [
        (["x"], []),
        (["x", "--help"], []),
        (["x", "--a=b", "--dataset=demo"], ["demo"]),
        (["x", "-dataset", "demo", "--help", "--dataset=custom"], ["demo", "custom"]),
        (["x", "--dataset"], []),
        (["x", "--datasets=demo"], []),
    ],
)
def test_values_are_read_in_either_form(argv, values):
    assert values_on(argv, "dataset") == values


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def test_modules_of_the_working_directory_are_found(folder):
    (folder / "module_of_a_user.py").write_text("NAME = 3")
    import_modules(["module_of_a_user"])
    assert sys.modules.pop("module_of_a_user").NAME == 3


def test_a_module_that_is_missing_is_told_from_one_that_misses_another(folder):
    with pytest.raises(ValueError, match=r"`--import` must name a module .*--import=no.such$"):
        import_modules(["no.such"])
    (folder / "misses_another.py").write_text("import no_such_package")
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        import_modules(["misses_another"])
