"""The page beside a model for LiteRT, which annotates in the browser itself, without a network."""

import json
import shutil
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from semreg_tf.serving.page import SHOWN_TAGS, fill_page

PAGE_FILE = "index.html"
RUNTIME_PACKAGE, TESTED_VERSION = "@litertjs/core", "2.5.3"
_SCRIPT = "annotate_here.js"
# Of npm's packages what the page loads: a module each, and two builds, with and without the newest
# vector instructions.
_RUNTIME_FILES = {
    "@litertjs/core/dist/index.js": "core.js",
    "@litertjs/wasm-utils/dist/index.js": "wasm-utils.js",
    **{
        f"@litertjs/core/wasm/litert_wasm_{build}internal.{kind}": (
            f"wasm/litert_wasm_{build}internal.{kind}"
        )
        for build in ("", "compat_")
        for kind in ("js", "wasm")
    },
}
_IMPORTS = {
    "@litertjs/core": "./litert/core.js",
    "@litertjs/wasm-utils": "./litert/wasm-utils.js",
}
# A browser that reads this loads nothing from elsewhere, whatever the page says.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; "
    "img-src blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'"
)


def check_runtime(npm_modules: str | Path) -> Path:
    """Returns npm's folder if it holds LiteRT for the web.

    Raises:
      ValueError: it does not.
    """
    folder = Path(npm_modules)
    missing = [name for name in _RUNTIME_FILES if not (folder / name).is_file()]
    if missing:
        raise ValueError(
            "`npm_modules` must hold LiteRT's runtime for browsers: npm install "
            f"{RUNTIME_PACKAGE}@{TESTED_VERSION}, and name the folder node_modules. "
            f"Received: npm_modules={str(npm_modules)!r}, without {missing[0]}"
        )
    return folder


def write_static_page(
    folder: Path, description: Mapping[str, Any], npm_modules: str | Path
) -> None:
    """Writes the page, its script and the runtime into an export for LiteRT.

    Raises:
      ValueError: the runtime is not there.
    """
    modules, runtime = check_runtime(npm_modules), folder / "litert"
    (runtime / "wasm").mkdir(parents=True)
    for name, copy in _RUNTIME_FILES.items():
        shutil.copyfile(modules / name, runtime / copy)
    script = resources.files(__package__).joinpath(_SCRIPT)
    (folder / _SCRIPT).write_bytes(script.read_bytes())
    words, tags = description["num_names"], description["user_tags"]
    captions = description["task"] == "captions"
    model = {
        "name": description["name"],
        "tasks": [description["task"]],
        "dataset": description["dataset"],
        "numWords": words if captions else 0,
        "numLabels": 0 if captions else words,
        "shownLast": description["shown_last"],
        "numConcepts": len(description["concepts"]),
        "hasCard": True,
        "takesTags": bool(tags),
        "tags": tags[:SHOWN_TAGS],
        "numTags": len(tags),
    }
    setup = {"models": [model], "examples": [], "endpoints": [], "runsHere": True}
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<script type="importmap">{json.dumps({"imports": _IMPORTS})}</script>\n'
    )
    (folder / PAGE_FILE).write_text(fill_page(setup, head), encoding="utf-8")
