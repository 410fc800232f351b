"""A stand-in for a model, and a browser without a window (in the W3C WebDriver protocol)."""

import base64
import contextlib
import io
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import ClassVar

import PIL.Image
import pytest
import requests

from semreg_tf.serving.batching import BatchRules
from semreg_tf.serving.limits import Limits, Refusal
from semreg_tf.serving.served_model import Signature
from semreg_tf.serving.server import bind, make_server
from semreg_tf.serving.service import Service

_ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_SECS = 60


class Browser:
    """One window of Chromium."""

    def __init__(self, driver, user_data_dir, size, dark=False):
        width, height = size
        arguments = [*_ARGUMENTS, f"--user-data-dir={user_data_dir}"]
        arguments += ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] * dark
        phone = {"deviceMetrics": {"width": width, "height": height, "pixelRatio": 2.0}}
        options = {
            "binary": shutil.which("chromium"),
            "args": [*arguments, f"--window-size={width},{height}"],
            **({"mobileEmulation": phone} if width < 600 else {}),
        }
        capabilities = {
            "alwaysMatch": {
                "goog:chromeOptions": options,
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            }
        }
        self._driver, self._session = driver, ""
        made = self._ask("POST", "", capabilities=capabilities)
        self._session = "/" + made["sessionId"]

    def _ask(self, method, path, **body):
        answer = requests.request(
            method,
            f"{self._driver}/session{self._session}{path}",
            json=body if method == "POST" else None,
            timeout=_SECS,
        ).json()["value"]
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(f"{answer['error']}: {answer['message']}")
        return answer

    def open(self, address):
        self._ask("POST", "/url", url=address)

    def run(self, script, *arguments):
        """Returns what a script returns; it may await."""
        script = f"return (async () => {{ {script} }})()"
        return self._ask("POST", "/execute/sync", script=script, args=list(arguments))

    def wait(self, condition):
        """Waits until a JavaScript expression is true."""
        end = time.monotonic() + _SECS
        while not self.run(f"return {condition}"):
            if time.monotonic() > end:
                raise TimeoutError(f"{condition}\n{self.log()}")
            time.sleep(0.05)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).innerText", selector)

    def choose(self, selector, path):
        """Gives a file to an input."""
        found = self._ask("POST", "/element", using="css selector", value=selector)
        self._ask("POST", f"/element/{found[_ELEMENT]}/value", text=str(path))

    def press(self, *keys):
        """Presses and releases keys."""
        actions = [{"type": kind, "value": k} for k in keys for kind in ("keyDown", "keyUp")]
        sequence = {"type": "key", "id": "keys", "actions": actions}
        self._ask("POST", "/actions", actions=[sequence])

    def log(self, kind="browser"):
        return self._ask("POST", "/se/log", type=kind)

    def screenshot(self, path):
        """Writes the whole page as PNG."""
        size = self._ask("POST", "/goog/cdp/execute", cmd="Page.getLayoutMetrics", params={})
        clip = {**size["cssContentSize"], "scale": 1}
        shot = self._ask(
            "POST",
            "/goog/cdp/execute",
            cmd="Page.captureScreenshot",
            params={"captureBeyondViewport": True, "clip": clip},
        )
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        self._ask("DELETE", "")


@pytest.fixture(scope="session")
def webdriver(tmp_path_factory):
    """Address of a running ChromeDriver."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (Debian: chromium, chromium-driver)")
    log = tmp_path_factory.mktemp("chromedriver") / "log"
    with log.open("w") as out:
        process = subprocess.Popen(["chromedriver", "--port=0"], stdout=out, stderr=out)
    try:
        end = time.monotonic() + _SECS
        while "started successfully on port " not in (said := log.read_text()):
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"chromedriver does not start: {said}")
            time.sleep(0.05)
        port = said.split("started successfully on port ")[1].split(".")[0]
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(_SECS)


@pytest.fixture
def browse(webdriver, tmp_path):
    """Opens windows: `browse((1280, 900), dark=False)`; all are closed in the end."""
    with contextlib.ExitStack() as stack:

        def window(size, dark=False):
            folder = tmp_path / f"profile{time.monotonic_ns()}"
            browser = Browser(webdriver, folder, size, dark)
            stack.callback(browser.close)
            return browser

        yield window


class FakeModel:
    """Says of a picture how large it is; stands in for a `ServedModel`.

    A picture 13 pixels wide is one that TensorFlow cannot decode; at 14 the model fails.
    """

    version = 1
    info: ClassVar = {"task": "captions", "config": {"data": {"dataset": "demo"}}}

    def __init__(self, name="fake", path=Path("none")):
        self.name, self.path = name, path
        pictures, tags = {"images": None}, {"user_tags": None}
        self.signatures = {
            "serving_default": Signature("serving_default", pictures),
            "serving_with_tags": Signature("serving_with_tags", pictures | tags),
            "serve_features": Signature("serve_features", {"features": 2}),
        }
        self.batches, self.tags = [], []
        self.entered, self.gate = threading.Semaphore(0), threading.Event()
        self.gate.set()

    def predict(self, signature, rows):
        self.entered.release()
        assert self.gate.wait(_SECS)
        self.batches.append((signature, len(rows)))
        self.tags += [row.get("user_tags", "") for row in rows]
        return [self._answer(row) for row in rows]

    def _answer(self, row):
        if "images" in row:
            with PIL.Image.open(io.BytesIO(row["images"])) as picture:
                said = "a picture {} by {}".format(*picture.size)
            if picture.size[0] == 14:
                raise MemoryError("the model has no memory")
            if picture.size[0] == 13:
                return Refusal(422, "TensorFlow cannot decode it.")
        else:
            said = f"features {row['features']}"
        return {
            "annotations": [said, row.get("user_tags", "")],
            "scores": [-1.5, None],
            "concept_probabilities": [0.75, 0.25],
            "concept_names": ["sea", "sun"],
            "valid": True,
        }

    def says_tags_too(self):
        """Has it answer as an export of a captioner and a tag model does."""
        caption = self._answer
        self.info = {**self.info, "tasks": ["captions", "tags"]}
        tags = {
            "labels": [["sea, blue", "boat", ""], ["boat", "", ""]],
            "label_scores": [[0.93, 0.004, -1.0], [0.61, -1.0, -1.0]],
            "label_list_scores": [-0.5, -1.25],
            "label_names": ["boat", "sea, blue"],
            "label_probabilities": [0.5, 0.9],
        }
        self._answer = lambda row: {**caption(row), **tags}
        return self

    def card(self):
        return None

    def metadata(self):
        return {"model_spec": {"name": self.name}}

    def names(self, file, most):
        return ["sea", "</script>"][:most], 2


def encoded(width=8, height=6, image_format="PNG", mode="RGB"):
    buffer = io.BytesIO()
    PIL.Image.new(mode, (width, height), 1).save(buffer, image_format)
    return buffer.getvalue()


@pytest.fixture
def fake_model():
    """Makes stand-ins for a `ServedModel`: `fake_model(name)`."""
    return FakeModel


@pytest.fixture
def picture():
    """Makes encoded pictures: `picture(width, height, image_format, mode)`."""
    return encoded


@pytest.fixture
def running(fake_model):
    """Starts a server in a thread: `server, model, address, thread = running(limits, **options)`.

    Limits may be set to parts of a second, which `Limits` itself would refuse.
    """
    started = []

    def start(limits=None, bound=None, **options):
        model, most = fake_model(), Limits()
        for name, value in (limits or {}).items():
            object.__setattr__(most, name, value)
        server = make_server(Service([model], most, BatchRules(max_wait_ms=0)), **options)
        bound = bound or bind("127.0.0.1", 0)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        started.append((server, model, thread))
        while not server.started:
            assert thread.is_alive()
        return server, model, f"http://127.0.0.1:{bound.getsockname()[1]}", thread

    yield start
    for server, model, thread in started:
        model.gate.set()
        server.should_exit = True
        thread.join(_SECS)
        assert not thread.is_alive()
