"""A stub of Flickr's REST interface on this machine: it says what a test scripts for a photo."""

import collections
import http.server
import json
import threading
import time
import urllib.parse

import pytest


def tags_answer(photo_id, *tags):
    tag = [{"id": f"1-{t}", "raw": t.title(), "_content": t, "machine_tag": 0} for t in tags]
    return {"photo": {"id": photo_id, "secret": "84", "tags": {"tag": tag}}, "stat": "ok"}


def fail(code, message):
    return {"stat": "fail", "code": code, "message": message}


class StubFlickr:
    """`script[photo_id]` is a list of answers, the last of which stays.

    An answer is JSON, or (status, headers, bytes), or seconds to keep silent.
    """

    def __init__(self):
        self.script = {}
        self.requests = []
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                fields = dict(urllib.parse.parse_qsl(body))
                stub.requests.append({**fields, "path": self.path})
                answers = stub.script.get(fields["photo_id"], [])
                answer = answers.pop(0) if len(answers) > 1 else (answers or [None])[0]
                if answer is None:
                    answer = tags_answer(fields["photo_id"], "sky", f"tag{fields['photo_id']}")
                if isinstance(answer, float):
                    time.sleep(answer)
                    answer = (200, {}, b"")
                if isinstance(answer, dict):
                    answer = (200, {}, json.dumps(answer).encode())
                status, headers, content = answer
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self.server.server_port}/services/rest/"
        threading.Thread(target=self.server.serve_forever, args=[0.02], daemon=True).start()

    def counts(self):
        """How often each photo was asked about."""
        return dict(collections.Counter(r["photo_id"] for r in self.requests))


@pytest.fixture
def flickr(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    stub = StubFlickr()
    stub.tags_answer, stub.fail = tags_answer, fail
    yield stub
    stub.server.shutdown()
    stub.server.server_close()
