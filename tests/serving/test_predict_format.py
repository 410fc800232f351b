"""TensorFlow Serving's forms are read, answered in kind, and refused with the place."""

import base64
import json
import re

import pytest

from semreg_tf.serving.limits import Limits, Refusal
from semreg_tf.serving.predict_format import PredictRequest, parse, render
from semreg_tf.serving.served_model import Signature

B64 = {"b64": base64.b64encode(b"picture").decode()}
GOOD = {"annotations": ["a", "b"], "scores": [-1.0, None], "concept_names": ["sea"], "n": 3}


@pytest.fixture
def signatures(fake_model):
    return fake_model().signatures


@pytest.mark.parametrize(
    "asked, columns",
    [
        ({"instances": [B64, B64]}, False),
        ({"instances": [{"images": B64}, B64]}, False),
        ({"signature_name": "serving_default", "instances": [B64, B64]}, False),
        ({"inputs": {"images": [B64, B64]}}, True),
        ({"inputs": [B64, B64]}, True),
    ],
)
def test_rows_and_columns_are_the_same_pictures(signatures, asked, columns):
    request = parse(json.dumps(asked).encode(), signatures, Limits(max_images=2))
    assert request == PredictRequest("serving_default", ({"images": b"picture"},) * 2, columns)


def test_user_tags_come_by_name(signatures):
    expected = ({"images": b"picture", "user_tags": "sea, sun"},)
    tags = {"b64": base64.b64encode(b"sea, sun").decode()}
    for asked in (
        {"instances": [{"images": B64, "user_tags": "sea, sun"}]},
        {"instances": [{"images": B64, "user_tags": tags}]},
        {"inputs": {"user_tags": ["sea, sun"], "images": [B64]}},
    ):
        body = json.dumps({"signature_name": "serving_with_tags", **asked}).encode()
        assert parse(body, signatures, Limits(max_images=8)).rows == expected


def test_features_are_lists_of_numbers(signatures):
    body = b'{"signature_name": "serve_features", "instances": [[1, 2.5], {"features": [3, 4]}]}'
    rows = parse(body, signatures, Limits(max_images=8)).rows
    assert rows == ({"features": [1.0, 2.5]}, {"features": [3.0, 4.0]})


@pytest.mark.parametrize(
    "body, said",
    [
        ("{", "The body is not JSON"),
        ("\xff".encode("latin-1"), "The body is not JSON"),
        ('{"instances": [NaN]}', "NaN is not a JSON number"),
        ("[" * 2_000, "The body is not JSON"),
        ("[" * 100_000, "100,000 commas and opening brackets"),
        ("[]", "must be a JSON object"),
        ("{}", 'either "instances" or "inputs"'),
        ('{"instances": [], "inputs": []}', 'either "instances" or "inputs"'),
        ('{"instances": []}', "list that is not empty"),
        ('{"instances": {}}', "list that is not empty"),
        ('{"instances": ["x"]}', '"images", row 0: must be {"b64"'),
        ('{"instances": [{"b64": "?"}]}', '"images", row 0: "b64" is not base64'),
        ('{"instances": [{"b64": 1}]}', '"images", row 0: must be {"b64"'),
        ('{"instances": [{"image": {}}]}', 'are "images". Received: "image".'),
        ('{"signature_name": 1, "inputs": []}', '"signature_name" must be one of "serve_features"'),
        ('{"signature_name": "x", "inputs": []}', '"signature_name" must be one of'),
        ('{"inputs": {"images": {}}}', "lists of equal length"),
        ('{"inputs": {"images": []}}', "lists of equal length"),
        ('{"inputs": "x"}', 'are "images". Received: str.'),
    ],
)
def test_other_bodies_are_refused_with_a_reason(signatures, body, said):
    with pytest.raises(Refusal, match=re.escape(said)) as refusal:
        parse(body if isinstance(body, bytes) else body.encode(), signatures, Limits(max_images=8))
    assert refusal.value.status == 400 and len(refusal.value.reason) < 300


@pytest.mark.parametrize(
    "name, asked, said",
    [
        ("serving_with_tags", {"instances": [B64]}, 'are "images", "user_tags"'),
        ("serving_with_tags", {"inputs": [B64]}, "Received: list"),
        ("serving_with_tags", {"inputs": {"images": [B64], "user_tags": []}}, "equal length"),
        ("serving_with_tags", {"inputs": {"images": [B64], "user_tags": [1]}}, "must be a string"),
        ("serve_features", {"instances": [[1, 2, 3]]}, "row 0: must be a list of 2 numbers"),
        ("serve_features", {"instances": [[1, True]]}, "must be a list of 2 numbers"),
        ("serve_features", {"instances": [[1, 1e400]]}, "is not JSON"),
    ],
)
def test_rows_that_do_not_fit_their_signature_are_refused(signatures, name, asked, said):
    body = json.dumps({"signature_name": name, **asked}).encode()
    with pytest.raises(Refusal, match=said) as refusal:
        parse(body, signatures, Limits(max_images=8))
    assert refusal.value.status == 400


@pytest.mark.parametrize("number", ["1e999", "1e300", "-3.5e38", "9" * 400, "null", '"1"', "[1]"])
def test_what_no_float32_holds_is_refused(signatures, number):
    body = b'{"signature_name": "serve_features", "instances": [[1, %s]]}' % number.encode()
    with pytest.raises(
        Refusal, match=r"list of 2 numbers of magnitude at most 3\.4e\+38"
    ) as refusal:
        parse(body, signatures, Limits(max_images=8))
    assert refusal.value.status == 400


def test_the_largest_float32_is_taken(signatures):
    body = b'{"signature_name": "serve_features", "instances": [[-3.4028234e38, 0]]}'
    assert parse(body, signatures, Limits()).rows[0]["features"][0] < -3.4e38


@pytest.mark.parametrize(
    "tags, said",
    [
        ("a," * 3, "has 4 tags; at most 3"),
        ("," * 100, "has 101 tags; at most 3"),
        ("sea, " + "a" * 20, "has a tag of 21 characters; at most 10"),
    ],
)
def test_user_tags_are_bounded_in_number_and_length(signatures, tags, said):
    limits = Limits(max_images=8, max_user_tags=3, max_tag_chars=10)
    for value in (tags, {"b64": base64.b64encode(tags.encode()).decode()}):
        rows = {"instances": [{"images": B64, "user_tags": value}]}
        body = json.dumps({"signature_name": "serving_with_tags", **rows}).encode()
        with pytest.raises(Refusal, match=f'"user_tags", row 0: {said} are allowed') as refusal:
            parse(body, signatures, limits)
        assert refusal.value.status == 400


def test_the_largest_request_that_the_limits_allow_is_not_too_many_values(signatures):
    limits = Limits(max_images=4, max_user_tags=50)
    row = {"images": B64, "user_tags": ",".join("t" * 50)}
    body = json.dumps({"signature_name": "serving_with_tags", "instances": [row] * 4}).encode()
    assert len(parse(body, signatures, limits).rows) == 4
    wide = {"serve_features": Signature("serve_features", {"features": 3000})}
    rows = {"instances": [{"features": [1.5] * 3000}] * 4}
    body = json.dumps({"signature_name": "serve_features", **rows}).encode()
    assert len(parse(body, wide, limits).rows) == 4


def test_too_many_pictures_are_too_large_a_request(signatures):
    body = json.dumps({"instances": [B64] * 3}).encode()
    with pytest.raises(Refusal, match="has 3 pictures; at most 2") as refusal:
        parse(body, signatures, Limits(max_images=2))
    assert refusal.value.status == 413


def test_answers_come_in_the_form_of_the_question():
    rows, columns = (PredictRequest("s", ({}, {}), by_columns) for by_columns in (False, True))
    other = {**GOOD, "n": 4}
    assert render(rows, [GOOD, other]) == {"predictions": [GOOD, other]}
    assert render(columns, [GOOD, other]) == {
        "outputs": {
            "annotations": [["a", "b"]] * 2,
            "scores": [[-1.0, None]] * 2,
            "concept_names": [["sea"]] * 2,
            "n": [3, 4],
        }
    }


def test_a_bad_picture_keeps_its_place_and_fails_alone():
    rows, columns = (PredictRequest("s", ({}, {}), by_columns) for by_columns in (False, True))
    answers = [Refusal(422, "bad"), GOOD]
    blank = {"annotations": ["", ""], "scores": [0, 0], "concept_names": ["sea"], "n": 0}
    assert render(rows, answers) == {
        "predictions": [{**blank, "valid": False, "error": "bad"}, {**GOOD, "valid": True}]
    }
    found = render(columns, answers)
    assert found["errors"] == ["bad", None] and found["outputs"]["valid"] == [False, True]
    assert found["outputs"]["annotations"] == [["", ""], ["a", "b"]]


def test_where_no_picture_is_good_the_request_is_refused():
    for by_columns in (False, True):
        with pytest.raises(Refusal, match=r"^bad$") as refusal:
            render(PredictRequest("s", ({},), by_columns), [Refusal(422, "bad")])
        assert refusal.value.status == 422
        with pytest.raises(Refusal, match=r"bad \(row 0 of 2\)"):
            render(PredictRequest("s", ({},), by_columns), [Refusal(422, "bad")] * 2)
