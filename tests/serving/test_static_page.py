"""The page beside a model for LiteRT: it captions in the browser, and asks nobody else."""

import functools
import http.server
import os
import threading
from pathlib import Path

import pytest

from semreg_tf.export_run import export_run
from semreg_tf.litert_model import LiteRTModel
from semreg_tf.serving.static_page import check_runtime, write_static_page
from tests import headless_chromium
from tests.exporting.test_litert import pictures

# Where `npm install @litertjs/core` was run, by default in the checkout.
MODULES = Path(os.environ.get("LITERT_NPM_MODULES", "node_modules"))
SHIPPED = Path(__file__).parents[2] / "models"
ANSWERED = (
    "!document.getElementById('drop').classList.contains('busy') && "
    "Boolean(document.querySelector('.caption, .chips, .alert:not([hidden])'))"
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def serve():
    """Serves a folder as `python -m http.server` does and returns its address: `serve(folder)`."""
    servers = []

    def start(folder):
        handler = functools.partial(Quiet, directory=folder)
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def browser(tmp_path):
    if headless_chromium.installed() is None:
        pytest.skip("needs Chromium")
    try:
        check_runtime(MODULES)
    except ValueError as error:
        pytest.skip(str(error))
    chromium = headless_chromium.Chromium(tmp_path / "profile")
    yield chromium
    chromium.close()


def export_with_page(source, folder):
    page = functools.partial(write_static_page, npm_modules=MODULES)
    return export_run(source, folder, format="litert", also=page)[0]


def answer(browser, file):
    """What the page says of a picture that a user chooses."""
    browser.choose("#file", file)
    browser.wait_for("document.getElementById('drop').classList.contains('full')")
    browser.wait_for(ANSWERED)
    assert not browser.value("document.getElementById('alert-text').textContent")
    return browser.value("document.getElementById('results').innerText")


@pytest.mark.large
def test_the_page_captions_a_chosen_picture_without_a_network(browser, serve, tmp_path):
    folder = export_with_page(SHIPPED / "flickr8k_captions", tmp_path / "model")
    address = serve(folder)
    browser.call("Page.navigate", url=address)
    model = LiteRTModel(folder, num_threads=1)
    for i, encoded in enumerate(pictures()):
        file = tmp_path / f"{i}.png"
        file.write_bytes(encoded)
        said = answer(browser, file)
        (wanted,) = model.annotate([encoded])
        caption = wanted.text.replace(" .", ".")
        assert said.startswith(caption[0].upper() + caption[1:])
        best = max(dict(wanted.concepts[:8]).values())
        assert f"{round(100 * best)} %" in said
    asked = [url for url in browser.requested() if not url.startswith(("blob:", "data:"))]
    assert asked and all(url.startswith(address) for url in asked)


@pytest.mark.large
def test_the_page_lists_tags_and_says_what_it_cannot_read(browser, serve, tmp_path):
    folder = export_with_page(SHIPPED / "corel5k_tags", tmp_path / "model")
    browser.call("Page.navigate", url=serve(folder))
    file = tmp_path / "a.png"
    file.write_bytes(pictures()[0])
    said = answer(browser, file)
    (wanted,) = LiteRTModel(folder).annotate([file])
    places = [said.index(label) for label in wanted.labels]
    assert places == sorted(places)
    file.write_bytes(b"no picture")
    browser.choose("#file", file)
    browser.wait_for("!document.getElementById('alert').hidden")
    assert "cannot read" in browser.value("document.getElementById('alert-text').textContent")


def test_a_runtime_that_is_not_there_is_told_of(tmp_path):
    with pytest.raises(ValueError, match=r"npm install @litertjs/core@2"):
        check_runtime(tmp_path)
