"""JSON that is not plain JSON is refused, and a large number of values before any is built."""

import json
import re
import tracemalloc

import pytest

from semreg_tf.serving.limits import Refusal
from semreg_tf.serving.strict_json import parse_json


@pytest.mark.parametrize(
    "body, said",
    [
        (rb'{"a": "\ud800"}', r"Half of a surrogate pair (\ud800): line 1"),
        (rb'{"a": [{"b": ["x\uDFFFx"]}]}', r"(\uDFFF)"),
        (rb'{"\ud800": 1}', r"\ud800"),
        (rb'"\ude00\ud83d"', r"\ude00"),
        ('"\ud800"'.encode("utf-8", "surrogatepass"), "not JSON"),
        ('{"a": 1}'.encode("utf-16"), "not JSON"),
        (b'{"a": 1, "a": 2}', "two members 'a'"),
        (rb'{"\ud800": 1, "\ud800": 2}', r"two members '\ud800'"),
        (b'{"a": Infinity}', "Infinity is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b"1" * 5000, "not JSON"),
        (b"[" * 900, "9 more"),
        (b"", "not JSON"),
    ],
)
def test_what_has_no_one_meaning_is_refused(body, said):
    most = 891 if said == "9 more" else 1000
    said = "has 900 commas and opening brackets; at most 891" if said == "9 more" else said
    with pytest.raises(Refusal, match=re.escape(said)) as refusal:
        parse_json(body, most)
    assert refusal.value.status == 400
    refusal.value.reason.encode()


def test_depth_is_no_crash():
    with pytest.raises(Refusal, match="not JSON"):
        parse_json(b"[" * 200_000, 1_000_000)


@pytest.mark.parametrize("value", ["\U0001f600", "é", "\\ud800 as text", None, 1.5, [], {"a": {}}])
def test_plain_json_is_read(value):
    for ascii_only in (True, False):
        body = json.dumps({"a": value}, ensure_ascii=ascii_only).encode()
        assert parse_json(body, 10) == {"a": value}
        assert parse_json(b"\xef\xbb\xbf" + body, 10) == {"a": value}


def test_many_values_cost_no_memory():
    body = b"[" + b"0," * 2_000_000 + b"0]"
    tracemalloc.start()
    try:
        with pytest.raises(Refusal, match="2,000,001 commas"):
            parse_json(body, 1000)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
