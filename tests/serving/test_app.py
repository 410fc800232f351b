"""The server as a client sees it, over a stand-in for the model."""

import base64
import json
import threading

import pytest
from starlette.testclient import TestClient

from semreg_tf.serving.app import create_app
from semreg_tf.serving.batching import BatchRules
from semreg_tf.serving.guard import Guard
from semreg_tf.serving.limits import Limits
from semreg_tf.serving.service import Service

FAKE = "/v1/models/fake"
SECS = 20


@pytest.fixture
def serve(fake_model):
    """Serves fakes: `client, service, model = serve(names, **limits)`."""
    clients = []

    def start(names=("fake",), examples=None, rules=None, guard=None, **limits):
        models = [fake_model(name) for name in names]
        service = Service(models, Limits(**limits), rules or BatchRules(max_wait_ms=0))
        client = TestClient(create_app(service, examples, guard), raise_server_exceptions=False)
        clients.append(client.__enter__())
        return client, service, models[0]

    yield start
    for client in clients:
        client.__exit__(None, None, None)


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


def ask(client, *pictures, path=FAKE, **more):
    return client.post(f"{path}:predict", json={"instances": [b64(p) for p in pictures], **more})


def counted(client, sample):
    lines = client.get("/metrics").text.splitlines()
    return next((float(x.split()[-1]) for x in lines if x.startswith(sample + " ")), None)


def test_a_picture_is_annotated_under_the_models_name_and_version(serve, picture):
    client, _, model = serve()
    for path in (FAKE, f"{FAKE}/versions/1"):
        answer = ask(client, picture(8, 6), path=path)
        assert answer.status_code == 200
        assert answer.json()["predictions"] == [
            {
                "annotations": ["a picture 8 by 6", ""],
                "scores": [-1.5, None],
                "concept_probabilities": [0.75, 0.25],
                "concept_names": ["sea", "sun"],
                "valid": True,
            }
        ]
    assert model.batches == [("serving_default", 1)] * 2


def test_columns_tags_and_features(serve, picture):
    client, _, _ = serve()
    inputs = {"images": [b64(picture(3, 4)), b64(picture(5, 6))], "user_tags": ["sea", ""]}
    body = {"signature_name": "serving_with_tags", "inputs": inputs}
    found = client.post(f"{FAKE}:predict", json=body).json()["outputs"]
    assert found["annotations"] == [["a picture 3 by 4", "sea"], ["a picture 5 by 6", ""]]
    body = {"signature_name": "serve_features", "instances": [[1, 2]]}
    found = client.post(f"{FAKE}:predict", json=body).json()["predictions"][0]
    assert found["annotations"][0] == "features [1.0, 2.0]"


@pytest.mark.parametrize(
    "method, path, code",
    [
        ("POST", "/v1/models/other:predict", 404),
        ("POST", f"{FAKE}/versions/2:predict", 404),
        ("POST", f"{FAKE}:classify", 405),
        ("GET", f"{FAKE}:predict", 404),
        ("PUT", "/healthz", 405),
        ("GET", "/v1/models/other", 404),
        ("GET", f"{FAKE}/card", 404),
        ("GET", "/examples/x.png", 404),
        ("GET", "/examples/..%2F..%2Fsetup.cfg", 404),
        ("GET", "/nothing", 404),
    ],
)
def test_errors_are_json_with_a_reason(serve, method, path, code):
    answer = serve()[0].request(method, path, content=b"{}" if method == "POST" else None)
    assert answer.status_code == code
    assert list(answer.json()) == ["error"] and answer.json()["error"]


def test_status_and_metadata_are_tensorflow_servings(serve):
    client, _, _ = serve(("fake", "other"))
    for path in (FAKE, f"{FAKE}/versions/1", "/v1/models/other"):
        state = client.get(path).json()["model_version_status"]
        status = {"error_code": "OK", "error_message": ""}
        assert state == [{"version": "1", "state": "AVAILABLE", "status": status}]
    assert client.get("/v1/models/other/metadata").json() == {"model_spec": {"name": "other"}}
    said = client.get("/v1/models/x").json()["error"]
    assert said == "No such model or version. Known: fake, version 1; other, version 1."


def test_the_models_card_is_shown_as_text(serve, tmp_path):
    client, _, model = serve()
    card = tmp_path / "MODEL.md"
    card.write_text("# A card")
    model.card = lambda: card
    answer = client.get(f"{FAKE}/card")
    assert answer.text == "# A card" and answer.headers["content-type"].startswith("text/plain")


def test_one_bad_picture_fails_alone_wherever_it_is_found_out(serve, picture):
    client, _, _ = serve()
    answer = ask(client, picture(5, 5), b"no picture", picture(13, 5), picture(6, 5))
    assert answer.status_code == 200
    errors = [row.get("error") for row in answer.json()["predictions"]]
    assert errors[0] is None and errors[3] is None
    assert "no format that is known" in errors[1] and "cannot decode" in errors[2]
    assert counted(client, 'semreg_images_total{outcome="annotated"}') == 2
    assert counted(client, 'semreg_images_total{outcome="refused"}') == 2


def test_a_request_of_bad_pictures_alone_is_422(serve, picture):
    client, _, model = serve()
    answer = ask(client, b"no picture")
    assert answer.status_code == 422 and "no format that is known" in answer.json()["error"]
    assert ask(client, b"no picture", picture(13, 5)).json()["error"].endswith("(row 0 of 2)")
    # The first of them never reached the model.
    assert sum(size for _, size in model.batches) == 1


def test_large_pictures_bodies_and_requests_are_refused(serve, picture):
    client, _, model = serve(max_image_pixels=100, max_body_bytes=5_000, max_images=2)
    answer = ask(client, picture(11, 10))
    assert answer.status_code == 422 and "at most 100 are allowed" in answer.json()["error"]
    assert ask(client, *[picture(2, 2)] * 3).status_code == 413
    answer = client.post(f"{FAKE}:predict", content=b" " * 5_001)
    assert answer.status_code == 413 and "5,000 bytes" in answer.json()["error"]

    def unannounced():
        for _ in range(100):
            yield b" " * 100

    assert client.post(f"{FAKE}:predict", content=unannounced()).status_code == 413
    assert client.post(f"{FAKE}:predict", content=b"{").status_code == 400
    assert not model.batches
    assert ask(client, picture(10, 10)).status_code == 200


@pytest.mark.parametrize("path, code", [("/v1/models/other", 404), (FAKE, 413)])
def test_the_rest_of_a_refused_body_is_read_away(serve, monkeypatch, path, code):
    client, service, _ = serve(max_body_bytes=10)
    discard, left = service.intake.discard, []

    async def counted(chunks):
        await discard(chunks)
        left.append([chunk async for chunk in chunks])

    monkeypatch.setattr(service.intake, "discard", counted)
    assert client.post(f"{path}:predict", content=b" " * 30).status_code == code
    assert left == [[]]


def test_a_full_queue_says_when_to_come_back(serve, picture):
    rules = BatchRules(max_images=1, max_wait_ms=0)
    client, service, model = serve(rules=rules, max_images=1, max_queue_images=1)
    model.gate.clear()
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(ask(client, picture()).status_code))
        for _ in range(2)
    ]
    threads[0].start()
    assert model.entered.acquire(timeout=SECS)
    threads[1].start()
    while service.batcher.depth < 1:
        pass
    assert counted(client, "semreg_queue_images") == 1
    answer = ask(client, picture())
    assert answer.status_code == 429 and "1 pictures wait" in answer.json()["error"]
    assert int(answer.headers["Retry-After"]) >= 1
    model.gate.set()
    for thread in threads:
        thread.join(SECS)
    assert found == [200, 200]


def test_a_request_that_waited_too_long_is_busy_as_a_whole(serve, picture):
    client, _, model = serve(rules=BatchRules(max_wait_ms=0, max_queue_secs=0))
    answer = ask(client, b"no picture", picture())
    assert answer.status_code == 429 and "not free within 0 seconds" in answer.json()["error"]
    assert not model.batches


def test_a_picture_that_is_late_already_is_not_read(serve, picture, monkeypatch):
    client, _, _ = serve(rules=BatchRules(max_wait_ms=0, max_queue_secs=0))

    def never(*arguments):
        raise AssertionError("it was read")

    monkeypatch.setattr("semreg_tf.serving.service.check_picture", never)
    assert ask(client, picture()).status_code == 429


def test_pictures_of_many_requests_share_batches(serve, picture):
    rules = BatchRules(max_images=4, max_wait_ms=1e6)
    client, _, model = serve(rules=rules)
    found = []

    def one(width):
        found.append(ask(client, picture(width, 9)).json()["predictions"][0]["annotations"][0])

    threads = [threading.Thread(target=one, args=[width]) for width in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECS)
    assert sorted(found) == [f"a picture {width} by 9" for width in (1, 2, 3, 4)]
    assert model.batches == [("serving_default", 4)]
    assert counted(client, 'semreg_batch_images_bucket{le="4.0"}') == 1
    assert counted(client, 'semreg_batch_images_bucket{le="2.0"}') == 0


def test_a_failing_model_is_500_and_the_server_goes_on(serve, picture):
    client, _, _ = serve()
    answer = ask(client, picture(14, 5))
    assert answer.status_code == 500
    assert answer.json()["error"].startswith("The model failed: MemoryError")
    assert ask(client, picture(5, 5)).status_code == 200


def test_what_fails_the_model_fails_no_neighbour(serve, picture):
    rules = BatchRules(max_images=3, max_wait_ms=1e6)
    client, _, _ = serve(rules=rules)
    found = {}

    def one(width):
        found[width] = ask(client, picture(width, 5)).status_code

    # At a width of 14 the stand-in fails the whole batch.
    threads = [threading.Thread(target=one, args=[width]) for width in (5, 14, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECS)
    assert found == {5: 200, 6: 200, 14: 500}


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances":[{"\\ud800":1}]}',
        b'{"\\ud800":1,"instances":[]}',
        b'{"signature_name":"\\ud800","instances":[]}',
        b'{"signature_name":"serve_features","instances":[[1e300,1]]}',
        b'{"signature_name":"serve_features","instances":[[%s,1]]}' % (b"9" * 400),
        b'{"signature_name":"serving_with_tags","inputs":{"images":[],"user_tags":["\\udfff"]}}',
        b"[" * 100_000,
    ],
)
def test_a_poisoned_body_is_its_senders_error(serve, body):
    client, _, model = serve()
    answer = client.post(f"{FAKE}:predict", content=body)
    assert answer.status_code == 400 and answer.json()["error"]
    assert not model.batches


def test_pictures_too_large_together_get_a_definite_answer(serve, picture):
    client, _, model = serve(max_image_pixels=100, max_request_pixels=250)
    answer = ask(client, *[picture(10, 10)] * 3)
    assert answer.status_code == 413 and "Retry-After" not in answer.headers
    assert "have 300 pixels together; at most 250 are allowed" in answer.json()["error"]
    assert not model.batches
    # One that is too large by itself is no reason to refuse the others.
    answer = ask(client, picture(10, 10), picture(100, 100), picture(15, 10))
    errors = ["error" in row for row in answer.json()["predictions"]]
    assert answer.status_code == 200 and errors == [False, True, True]


def test_large_and_small_pictures_of_a_request_keep_their_places(serve, picture):
    client, _, _ = serve(rules=BatchRules(max_wait_ms=0, large_pixels=50))
    sizes = [(10, 9), (2, 3), (9, 9), (4, 5)]
    rows = ask(client, *[picture(*size) for size in sizes]).json()["predictions"]
    said = [row["annotations"][0] for row in rows]
    assert said == [f"a picture {width} by {height}" for width, height in sizes]


def test_other_sites_and_names_are_refused_and_counted(serve, picture):
    client, _, model = serve(guard=Guard.of("127.0.0.1"))
    answer = ask(client, picture())
    assert answer.status_code == 421 and "'testserver'" in answer.json()["error"]
    client.headers["Host"] = "localhost"
    client.headers["Origin"] = "https://evil.example"
    answer = ask(client, picture())
    assert answer.status_code == 403 and "--allowed_origins" in answer.json()["error"]
    assert "access-control-allow-origin" not in answer.headers
    client.headers["Origin"] = "http://localhost"
    assert ask(client, picture()).status_code == 200 and len(model.batches) == 1
    assert counted(client, 'semreg_requests_total{code="421",route="other"}') == 1


def test_an_allowed_page_may_ask_and_read(serve, picture):
    page = "https://demo.example"
    client, _, _ = serve(guard=Guard.of("127.0.0.1", ["testserver"], [page]))
    client.headers["Origin"] = page
    answer = ask(client, picture())
    assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == page
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    assert client.options(f"{FAKE}:predict", headers=asked).status_code == 200
    client.headers["Origin"] = "https://evil.example"
    assert client.options(f"{FAKE}:predict", headers=asked).status_code == 400


def test_a_stopping_server_refuses_what_is_new_and_answers_what_it_took(serve, picture):
    client, service, model = serve()
    model.gate.clear()
    found = []
    thread = threading.Thread(target=lambda: found.append(ask(client, picture())))
    thread.start()
    assert model.entered.acquire(timeout=SECS)
    service.draining = True
    assert ask(client, picture()).status_code == 503
    assert client.get("/healthz").status_code == 503
    assert client.get(FAKE).json()["model_version_status"][0]["state"] == "UNLOADING"
    model.gate.set()
    thread.join(SECS)
    assert found[0].status_code == 200


def test_metrics_count_requests_by_route_and_code(serve, picture):
    client, service, _ = serve()
    ask(client, picture())
    ask(client, b"")
    client.get("/nothing")
    assert client.get("/healthz").json() == {"status": "ok"}
    assert counted(client, 'semreg_requests_total{code="200",route="predict"}') == 1
    assert counted(client, 'semreg_requests_total{code="422",route="predict"}') == 1
    assert counted(client, 'semreg_requests_total{code="404",route="other"}') == 1
    assert counted(client, 'semreg_requests_total{code="200",route="health"}') == 1
    assert counted(client, 'semreg_request_seconds_count{route="predict"}') == 2
    assert counted(client, "semreg_batch_seconds_count") == 1
    assert counted(client, "semreg_requests_running") == 0
    assert service.intake.held_bytes == 0
    assert client.get("/metrics").headers["content-type"].startswith("text/plain")


def test_the_page_loads_nothing_and_names_what_it_needs(serve, picture, tmp_path):
    path = tmp_path / "a b.png"
    path.write_bytes(picture())
    client, _, _ = serve(examples={path.name: path})
    answer = client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["X-Frame-Options"] == "DENY"
    setup = answer.text.split('id="setup">')[1].split("</script>")[0]
    setup = json.loads(setup)
    assert setup["examples"] == ["a b.png"]
    assert setup["models"][0]["tags"] == ["sea", "</script>"]
    assert setup["models"][0]["dataset"] == "demo" and setup["models"][0]["takesTags"]
    for outside in ("http://", "https://", "//cdn", "@import"):
        assert outside not in answer.text.replace("http://www.w3.org/2000/svg", "")
    assert client.get("/examples/a%20b.png").content == path.read_bytes()


def test_models_need_different_names(fake_model):
    for models in ([], [fake_model("a"), fake_model("a")]):
        with pytest.raises(ValueError, match="with distinct names"):
            Service(models)
