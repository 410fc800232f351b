"""MkDocs hook: the site has the repository's own paths, so a link works on both.

MkDocs reads one folder, but the documents lie in several, beside what they describe. This hook
replaces the files of `docs_dir` by those that `PATTERNS` name, under their paths from the
repository's root.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parents[1]

# The pages, and the files that pages link to or show.
PATTERNS = (
    "*.md",
    "CITATION.cff",
    "LICENSE",
    "data_prep/**/*.md",
    "docs/**/*.md",
    "docs/**/*.ipynb",
    "docs/**/*.yaml",
    "docs/api_example.py",
    "models/*/*.md",
    "results/**/*.md",
    "results/**/*.json",
    "results/**/*.svg",
)


def site_paths() -> list[str]:
    """Returns the paths of the site's files from the repository's root, sorted."""
    paths = {path for pattern in PATTERNS for path in ROOT.glob(pattern) if path.is_file()}
    return sorted(path.relative_to(ROOT).as_posix() for path in paths)


def on_files(files: "Files", config: "MkDocsConfig") -> "Files":
    """Replaces the files of `docs_dir`; those of the theme stay."""
    from mkdocs.structure.files import File

    for file in [file for file in files if file.src_dir == config.docs_dir]:
        files.remove(file)
    for path in site_paths():
        files.append(File(path, str(ROOT), config.site_dir, config.use_directory_urls))
    return files
