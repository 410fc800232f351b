"""The wheel holds the library and, inside it, the binaries: every package, no more."""

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
INSIDE = "semreg_tf.binaries"
BINARIES = ("cli", "data_prep", "eval", "train")


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
    binaries = set().union(*map(packages_below, BINARIES))
    assert len(listed) == len(set(listed))
    assert set(listed) == packages_below("semreg_tf") | {f"{INSIDE}.{name}" for name in binaries}


def test_the_binaries_are_mapped_into_the_package():
    lines = setup()["options"]["package_dir"].split("\n")
    mapped = dict(line.split(" = ") for line in lines if line)
    assert mapped == {f"{INSIDE}.{name}": name for name in BINARIES}


def test_the_command_is_installed():
    scripts = setup()["options.entry_points"]["console_scripts"].split("\n")
    assert "semreg = semreg_tf.__main__:main" in scripts


# Where a package is imported by another name than it is installed by.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "absl": "absl-py",
    "ai_edge_litert": "ai-edge-litert",
    "google": "protobuf",
    "google_crc32c": "google-crc32c",
    "tensorflow_datasets": "tensorflow-datasets",
    "apache_beam": "apache-beam",
    "pillow_heif": "pillow-heif",
    "prometheus_client": "prometheus-client",
    "pydantic_core": "pydantic",
    "python_multipart": "python-multipart",
}
OURS = {"semreg_tf", "tests", *BINARIES}
# Draw the curves of a study, fit the simplest of baselines, are timed beside ours: in a checkout.
OF_A_CHECKOUT = {"matplotlib", "sklearn", "torch", "torchvision"}


def imported_packages():
    """Returns top-level modules that the sources import, with one file that does."""
    found = {}
    for folder in ("semreg_tf", *BINARIES):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module]
                else:
                    continue
                found |= {name.split(".")[0]: str(path.relative_to(ROOT)) for name in names}
    return {name: path for name, path in found.items() if name not in sys.stdlib_module_names}


def test_what_is_imported_is_installed_with_the_wheel():
    parser = setup()
    extras = {name: x for name, x in parser["options.extras_require"].items() if name != "dev"}
    lines = "\n".join((parser["options"]["install_requires"], *extras.values()))
    required = {re.split(r"[\[>=<]", line)[0].lower() for line in lines.split("\n") if line}
    missing = {
        name: path
        for name, path in imported_packages().items()
        if name not in OURS | OF_A_CHECKOUT
        and DISTRIBUTIONS.get(name, name).lower() not in required
    }
    assert not missing


def test_make_install_adds_the_extras_that_are_named():
    command = ["make", "-n", "--no-print-directory", "install", "EXTRAS=encoders,heic"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown.rstrip().endswith('-e ".[dev,serve,encoders,heic]"')
