"""Forms and whole pictures as a client sends them, to one model and to all; the API's document."""

import re

import jsonschema
import pytest
import requests
from openapi_spec_validator import validate
from starlette.testclient import TestClient

from semreg_tf.serving.app import create_app
from semreg_tf.serving.batching import BatchRules
from semreg_tf.serving.limits import Limits
from semreg_tf.serving.openapi import describe_api
from semreg_tf.serving.service import Service

FAKE = "/v1/models/fake:predict"
MEBIBYTE = 2**20
PNG = {"Content-Type": "image/png"}


@pytest.fixture
def serve(fake_model):
    """Serves fakes: `client, service, models = serve(names, **limits)`."""
    clients = []

    def start(names=("fake", "other"), **limits):
        models = [fake_model(name) for name in names]
        service = Service(models, Limits(**limits), BatchRules(max_wait_ms=0))
        client = TestClient(create_app(service), raise_server_exceptions=False)
        clients.append(client.__enter__())
        return client, service, models

    yield start
    for client in clients:
        client.__exit__(None, None, None)


def test_a_form_and_a_whole_picture_are_answered_as_json_is(serve, picture):
    client, _, models = serve()
    for answer in (
        client.post(FAKE, files={"file": picture(3, 4)}),
        client.post(FAKE, content=picture(3, 4), headers=PNG),
    ):
        assert answer.status_code == 200
        assert answer.json()["predictions"][0]["annotations"][0] == "a picture 3 by 4"
    answer = client.post(FAKE, files={"file": picture()}, data={"user_tags": "sea, sun"})
    assert answer.json()["predictions"][0]["annotations"][1] == "sea, sun"
    client.post(FAKE, params={"user_tags": "fog"}, content=picture(), headers=PNG)
    assert models[0].tags == ["", "", "sea, sun", "fog"] and not models[1].batches


def test_all_models_answer_one_request(serve, picture):
    client, service, models = serve()
    models[1].info = {"task": "tags"}
    answer = client.post("/annotate", files={"file": picture(3, 4)})
    assert answer.status_code == 200
    concepts = [
        {"concept": "sea", "probability": 0.75},
        {"concept": "sun", "probability": 0.25},
    ]
    assert answer.json() == {
        "fake": {
            "captions": [{"caption": "a picture 3 by 4", "log_probability": -1.5}],
            "concepts": concepts,
        },
        "other": {
            "tags": [{"tag": "a picture 3 by 4", "probability": None}],
            "concepts": concepts,
        },
    }
    assert [model.batches for model in models] == [[("serving_default", 1)]] * 2
    answer = client.post("/annotate?model=other", content=picture(), headers=PNG)
    assert list(answer.json()) == ["other"] and len(models[0].batches) == 1
    assert service.intake.held_bytes == 0


def test_a_model_of_captions_and_tags_says_both(serve, picture):
    client, _, models = serve(("fake",))
    models[0].says_tags_too()
    found = client.post("/annotate", files={"file": picture(3, 4)}).json()["fake"]
    assert list(found) == ["captions", "tags", "concepts"]
    assert found["captions"][0]["caption"] == "a picture 3 by 4"
    # As many as there are, each once and whole, though it may hold a comma.
    assert found["tags"] == [
        {"tag": "sea, blue", "probability": 0.93},
        {"tag": "boat", "probability": 0.004},
    ]


def test_user_tags_reach_the_models_that_read_them(serve, picture):
    client, _, models = serve()
    del models[0].signatures["serving_with_tags"]
    data = {"user_tags": "sea"}
    assert client.post("/annotate", files={"file": picture()}, data=data).status_code == 200
    assert [model.tags for model in models] == [[""], ["sea"]]
    answer = client.post("/annotate", files={"file": picture()}, data={**data, "model": "fake"})
    assert answer.status_code == 400 and "reads user tags" in answer.json()["error"]
    answer = client.post(FAKE, files={"file": picture()}, data=data)
    assert answer.status_code == 400 and "'fake' reads no user tags" in answer.json()["error"]


@pytest.mark.parametrize("path", [FAKE, "/annotate"])
def test_what_is_wrong_with_a_form_is_one_line_of_4xx(serve, picture, path):
    client, service, models = serve(max_body_bytes=MEBIBYTE)
    form = requests.Request("POST", "http://x", files={"file": picture()}).prepare()
    kind = form.headers["Content-Type"]
    wrong = {
        "a truncated form": (400, form.body[:-20], kind),
        "a wrong boundary": (400, form.body, "multipart/form-data; boundary=other"),
        "no boundary": (400, form.body, "multipart/form-data"),
        "a large part": (413, form.body + b" " * MEBIBYTE, kind),
        "no picture": (422, b"some text", "image/jpeg"),
        "a damaged picture": (422, picture()[:40], "image/png"),
        "an empty body": (422, b"", "image/png"),
    }
    for what, (code, body, content_type) in wrong.items():
        answer = client.post(path, content=body, headers={"Content-Type": content_type})
        assert answer.status_code == code, what
        assert re.fullmatch(r"[^\n]{10,250}", answer.json()["error"]), what
    two = [("file", ("a.png", picture())), ("file", ("b.png", picture()))]
    answer = client.post(path, files=two)
    assert answer.status_code == 400 and "has 2 files" in answer.json()["error"]
    answer = client.post(path, files={"file": ("a.txt", b"some text")})
    assert answer.status_code == 422 and "no format that is known" in answer.json()["error"]
    assert not any(model.batches for model in models)
    assert service.intake.held_bytes == service.intake.requests == 0


def test_what_an_address_cannot_take_is_said(serve, picture):
    client, _, _ = serve()
    answer = client.post("/annotate", json={"instances": []})
    assert answer.status_code == 415 and "curl -F file=@photo.jpg" in answer.json()["error"]
    sent = "application/x-www-form-urlencoded"
    answer = client.post("/annotate", content=b"a", headers={"Content-Type": sent})
    assert answer.json()["error"].startswith("The Content-Type must be a picture's, as image/jpeg")
    assert answer.json()["error"].endswith(f"Received: '{sent}'")
    assert client.get("/annotate").status_code == 405
    answer = client.post("/annotate?model=none", content=picture(), headers=PNG)
    assert answer.status_code == 404 and "Known: fake, other" in answer.json()["error"]
    answer = client.post(FAKE + "?model=other", content=picture(), headers=PNG)
    assert answer.status_code == 400 and "already names the model" in answer.json()["error"]
    answer = client.post("/annotate?tags=sea", content=picture(), headers=PNG)
    assert answer.status_code == 400 and "Unknown field 'tags'" in answer.json()["error"]
    answer = client.post("/annotate", content=picture(14, 5), headers=PNG)
    assert answer.status_code == 500
    answer = client.post("/annotate", content=picture(13, 5), headers=PNG)
    assert answer.status_code == 422


def test_a_part_of_100_mb_is_refused_and_the_client_reads_why(running):
    _, model, address, _ = running()
    size = 100 * MEBIBYTE
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'

    def parts():
        yield head
        for _ in range(size // MEBIBYTE):
            yield b"\0" * MEBIBYTE
        yield b"\r\n--x--\r\n"

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = requests.post(f"{address}/annotate", data=parts(), headers=kind, timeout=60)
    assert answer.status_code == 413 and "larger than" in answer.json()["error"]
    assert not model.batches


def test_the_document_is_openapi_and_names_every_address(serve):
    client, service, _ = serve()
    document = client.get("/openapi.json").json()
    validate(document)
    assert document == describe_api(service)
    app = create_app(service)
    routes = {
        (re.sub(r":\w+}", "}", route.path), method.lower())
        for route in app.routes
        for method in route.methods - {"HEAD"}
    }
    described = {
        (path, method)
        for path, item in document["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert described == routes


def test_answers_are_as_the_document_says(serve, picture):
    client, _, models = serve()
    models[1].info = {"task": "tags"}
    document = client.get("/openapi.json").json()

    def check(answer, path, method):
        """Holds an answer against the schema of its code."""
        described = document["paths"][path][method]["responses"][str(answer.status_code)]
        schema = described["content"]["application/json"]["schema"]
        whole = {**schema, "components": document["components"]}
        jsonschema.Draft202012Validator(whole).validate(answer.json())

    files = {"file": picture()}
    predict = "/v1/models/{model}:predict"
    for code, answer, path in (
        (200, client.post("/annotate", files=files), "/annotate"),
        (422, client.post("/annotate", files={"file": b"x"}), "/annotate"),
        (415, client.post("/annotate", json={}), "/annotate"),
        (404, client.post("/annotate?model=x", files=files), "/annotate"),
        (200, client.post(FAKE, files=files, data={"user_tags": "a"}), predict),
        (400, client.post(FAKE, content=b"{"), predict),
    ):
        assert answer.status_code == code
        check(answer, path, "post")
    for path in ("/healthz", "/v1/models/{model}", "/v1/models/{model}/metadata"):
        check(client.get(path.replace("{model}", "fake")), path, "get")
    with pytest.raises(jsonschema.ValidationError):
        models[0].info = {"task": "captions"}
        models[0]._answer = lambda row: {**type(models[0])._answer(models[0], row), "scores": "x"}
        check(client.post(FAKE, files=files), predict, "post")
