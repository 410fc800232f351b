"""The load test judges answers; the server, under it, loses none."""

import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from eval import load_test
from eval.load_traffic import Kind, draw, kinds
from semreg_tf.export import export
from semreg_tf.serving.limits import Limits, Refusal
from semreg_tf.serving.pictures import check_picture
from semreg_tf.serving.predict_format import parse
from semreg_tf.serving.served_model import Signature
from semreg_tf.training.workdir import load_annotator

ROOT = Path(__file__).parents[2]
SIGNATURES = {"serving_default": Signature("serving_default", {"images": None})}


def outcome_of(body):
    """Returns what the server's own parts make of a request."""
    try:
        rows = parse(body, SIGNATURES, Limits()).rows
        codes = []
        for row in rows:
            try:
                check_picture(row["images"], 25_000_000)
                codes.append(200)
            except Refusal as refusal:
                codes.append(refusal.status)
        return codes
    except Refusal as refusal:
        return [refusal.status]


def test_every_kind_is_what_it_says():
    made = {kind.name: kind for kind in kinds(max_body_bytes=1000)}
    found = {name: outcome_of(kind.body) for name, kind in made.items()}
    assert found["four, one damaged"] == [200, 200, 422, 200]
    for name in ("a photograph", "a PNG", "damaged", "no picture", "a bomb", "not JSON"):
        assert found[name] == [made[name].code], name
    assert len(made["too large"].body) == 1001 and made["too large"].code == 413
    assert len(made["a bomb"].body) < 200_000


def test_requests_are_drawn_by_share_and_every_kind_comes():
    made = kinds(max_body_bytes=10)
    drawn = draw(made, 1000)
    assert len(drawn) == 1000 and drawn != draw(made, 1000, seed=1)
    share = sum(kind.code == 200 for kind in drawn) / 1000
    assert 0.7 < share < 0.9
    assert {kind.name for kind in draw(made, 1)} == {kind.name for kind in made}


class Answers(BaseHTTPRequestHandler):
    """429 at first, then what the body names; "cut" closes the connection."""

    protocol_version = "HTTP/1.1"
    seen: set = set()  # noqa: RUF012

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if body == "cut":
            self.close_connection = True
            return
        code = int(body)
        if body == "418" and body not in self.seen:
            self.seen.add(body)
            code = 429
        text = b'{"error": "why"}'
        self.send_response(code)
        self.send_header("Retry-After", "0.01")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def address():
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_wrong_and_lost_answers_are_faults_and_429_is_tried_again(address):
    wanted = [
        Kind("right", 1, b"422", 422),
        Kind("busy", 1, b"418", 418),
        Kind("other code", 1, b"500", 200),
        Kind("other answer", 1, b"200", 200, lambda answer: "predictions" in answer),
        Kind("lost", 1, b"cut", 200),
    ]
    found = {o.kind.name: o for o in load_test.load(address, "model", wanted, num_clients=2)}
    assert len(found) == 5
    assert found["right"].fault is None and found["busy"].fault is None
    assert [found[name].tries for name in ("right", "busy")] == [1, 2]
    assert found["other code"].fault.startswith("500: ")
    assert found["other answer"].fault.startswith("wrong answer: ")
    assert found["lost"].fault.startswith("lost: ")
    table = load_test.percentile_table(list(found.values()))
    assert re.search(r"^busy +418 +1 +0 +1 ", table, re.M)
    assert re.search(r"^all +5 +3 +1 ", table, re.M)


@pytest.fixture(scope="module")
def exported(caption_runs, tmp_path_factory):
    """Folder of the export of a small trained run."""
    path = tmp_path_factory.mktemp("load") / "export"
    return export(*load_annotator(caption_runs[0]), path)


@pytest.mark.large
@pytest.mark.parametrize("queue", [(), ("--max_queue_images=64", "--max_queue_secs=1")])
def test_64_clients_lose_no_request(exported, queue, monkeypatch, capfd):
    monkeypatch.chdir(ROOT)
    with load_test.own_server(exported, "model", [*queue, "--max_body_mb=4"]) as address:
        fine = load_test.report(address, "model", 400, 64, 4 * 2**20)
    said = capfd.readouterr().out
    print(said)
    assert fine, said
    assert "Stopped; every accepted request was answered." in said


@pytest.mark.large
def test_a_wrong_model_or_address_is_one_line(exported, tmp_path):
    def serve(*arguments):
        command = [sys.executable, "-m", "eval.serve", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    found = serve(f"--model={tmp_path}", "--port=0")
    assert found.returncode == 2
    assert "error: `path` must be a folder written by the export command" in found.stderr
    found = serve(f"--model={exported}", "--host=192.0.2.1")
    assert found.returncode == 2 and "error: Cannot serve on 192.0.2.1" in found.stderr
    assert "Traceback" not in found.stderr
