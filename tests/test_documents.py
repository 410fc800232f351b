"""Links of the documents lead to files that exist and that the site has; README stays short."""

import importlib.util
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    path
    for pattern in ("*.md", "docs/**/*.md", "data_prep/**/*.md", "models/*/*.md", "results/**/*.md")
    for path in sorted(ROOT.glob(pattern))
]
LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)")
ADDRESS = re.compile(r"[a-z]+:")


def _site_paths():
    spec = importlib.util.spec_from_file_location("site_files", ROOT / "docs" / "site_files.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return set(module.site_paths())


def _anchors(path):
    titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_of_the_site(document):
    site = _site_paths()
    for target, anchor in LINK.findall(document.read_text(encoding="utf-8")):
        if ADDRESS.match(target):
            continue
        path = (document.parent / unquote(target)).resolve() if target else document
        assert path.is_file(), f"{document.name} links to {target}, which does not exist"
        assert path.relative_to(ROOT).as_posix() in site, f"{target} is not on the site"
        assert not anchor or anchor in _anchors(path), f"{target} has no heading #{anchor}"


def test_the_navigation_names_files_of_the_site():
    site = _site_paths()
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:\n")[1]
    pages = re.findall(r": (\S+\.md)$", navigation, re.MULTILINE)
    assert len(pages) > 10
    assert set(pages) <= site


def test_the_reference_has_every_public_name():
    import semreg_tf

    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    for name in set(semreg_tf.__all__) - {"__version__"}:
        assert f"::: semreg_tf.{name}" in text


def test_the_readme_fits_two_screens():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 110
