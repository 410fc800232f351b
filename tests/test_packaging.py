"""The wheel holds the library and, inside it, the binaries: every package, no more."""

import configparser
from pathlib import Path

ROOT = Path(__file__).parents[1]
INSIDE = "semreg_tf.binaries"


def setup():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def packages_below(folder):
    return {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / folder).rglob("__init__.py")
    }


def test_every_package_is_in_the_wheel():
    listed = setup()["options"]["packages"].split()
    binaries = set().union(*(packages_below(name) for name in ("data_prep", "eval", "train")))
    assert len(listed) == len(set(listed))
    assert set(listed) == packages_below("semreg_tf") | {f"{INSIDE}.{name}" for name in binaries}


def test_the_binaries_are_mapped_into_the_package():
    lines = setup()["options"]["package_dir"].split("\n")
    mapped = dict(line.split(" = ") for line in lines if line)
    assert mapped == {f"{INSIDE}.{name}": name for name in ("data_prep", "eval", "train")}


def test_the_command_is_installed():
    scripts = setup()["options.entry_points"]["console_scripts"].split("\n")
    assert "semreg = semreg_tf.cli.semreg:main" in scripts
