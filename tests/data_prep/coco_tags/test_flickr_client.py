import logging

import pytest

from data_prep.coco_tags.flickr_client import FlickrClient, TagsAnswer, TemporaryError


@pytest.fixture
def waits():
    return []


@pytest.fixture
def client(flickr, waits):
    return FlickrClient(
        "secret-key", flickr.base_url, 3_600_000, timeout_secs=0.3, sleep=waits.append
    )


def long(waits):
    """The waits but those that keep to the rate, here a thousandth of a second."""
    return [wait for wait in waits if wait > 0.01]


def test_a_photo_is_asked_for_as_flickr_wants_it(flickr, client):
    flickr.script["7"] = [flickr.tags_answer("7", "newyork", "sky", "newyork", " ")]
    assert client.tags("7") == TagsAnswer(("newyork", "sky"), None)
    assert flickr.requests == [
        {
            "path": "/services/rest/",
            "method": "flickr.photos.getInfo",
            "api_key": "secret-key",
            "photo_id": "7",
            "format": "json",
            "nojsoncallback": "1",
        }
    ]


def test_a_photo_without_tags_has_none_and_no_problem(flickr, client):
    flickr.script["7"] = [flickr.tags_answer("7")]
    assert client.tags("7") == TagsAnswer((), None)


def test_a_dead_photo_has_a_problem_after_one_request(flickr, client, waits):
    flickr.script["7"] = [flickr.fail(1, 'Photo "7" not found (invalid ID)')]
    assert client.tags("7") == TagsAnswer((), '1: Photo "7" not found (invalid ID)')
    assert len(flickr.requests) == 1
    assert long(waits) == []


@pytest.mark.parametrize(
    "trouble",
    [
        (429, {}, b"slow down"),
        (500, {}, b""),
        (503, {}, b"<html>"),
        (200, {}, b"<html>maintenance</html>"),
        {"stat": "fail", "code": 105, "message": "Service currently unavailable"},
        {"stat": "ok"},
        0.6,
    ],
)
def test_troubles_that_pass_are_waited_out(flickr, client, waits, trouble):
    flickr.script["7"] = [trouble, trouble, flickr.tags_answer("7", "sky")]
    assert client.tags("7").tags == ("sky",)
    assert long(waits) == [1.0, 2.0]


def test_the_server_says_how_long_to_wait(flickr, client, waits):
    busy = [(429, {"Retry-After": t}, b"") for t in ("7", "0", "1000000000", "soon")]
    flickr.script["7"] = [*busy, flickr.tags_answer("7", "sky")]
    assert client.tags("7").tags == ("sky",)
    assert long(waits) == [7.0, 2.0, 3_600.0, 8.0]


def test_a_trouble_that_stays_is_given_up(flickr, client, waits):
    flickr.script["7"] = [(503, {}, b"")]
    with pytest.raises(TemporaryError, match="photo 7: HTTP 503, 6 times"):
        client.tags("7")
    assert len(flickr.requests) == 6
    assert long(waits) == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_a_server_that_is_not_there_is_a_passing_trouble(waits):
    client = FlickrClient("key", "http://127.0.0.1:9/", 3_600_000, sleep=waits.append)
    with pytest.raises(TemporaryError, match="photo 7: ConnectionError, 6 times"):
        client.tags("7")


@pytest.mark.parametrize(
    ("refusal", "what"),
    [
        ({"stat": "fail", "code": 100, "message": "Invalid API Key"}, "100: Invalid API Key"),
        ({"stat": "fail", "code": 112, "message": "Method not found"}, "112: Method not found"),
        ((404, {}, b""), "HTTP 404"),
        ((403, {}, b""), "HTTP 403"),
        ((302, {"Location": "http://elsewhere.example/"}, b""), "HTTP 302"),
    ],
)
def test_what_no_photo_would_survive_is_refused_at_once(flickr, client, refusal, what):
    flickr.script["7"] = [refusal]
    with pytest.raises(ValueError, match=rf"must be accepted by Flickr\. .* which says '{what}'"):
        client.tags("7")
    assert len(flickr.requests) == 1


def test_another_kind_of_address_is_refused():
    client = FlickrClient("key", "ftp://127.0.0.1/")
    with pytest.raises(ValueError, match=r"base_url='ftp.*says 'InvalidSchema'"):
        client.tags("7")


def test_the_key_is_in_no_error_and_no_log(flickr, client, caplog):
    caplog.set_level(logging.DEBUG)
    flickr.script["7"] = [(503, {}, b"")]
    flickr.script["8"] = [(404, {}, b"")]
    for photo_id in ("7", "8"):
        with pytest.raises((TemporaryError, ValueError)) as raised:
            client.tags(photo_id)
        assert "secret-key" not in str(raised.value)
    assert "/services/rest/" in caplog.text
    assert "secret-key" not in caplog.text


def test_requests_keep_to_the_rate(flickr, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("data_prep.coco_tags.flickr_client.time.monotonic", lambda: clock[0])
    starts = []

    def sleep(secs):
        clock[0] += secs

    client = FlickrClient("key", flickr.base_url, 1_200, 0.1, sleep=sleep)
    flickr.script["7"] = [(503, {}, b""), flickr.tags_answer("7", "sky")]
    for photo_id in ("7", "8", "9"):
        client.tags(photo_id)
        starts.append(clock[0])
        clock[0] += 1.0
    # Every three seconds, the repeated attempt on the first photo counted.
    assert starts == pytest.approx([103.0, 106.0, 109.0])


@pytest.mark.parametrize("key", [None, ""])
def test_a_key_is_needed(key):
    with pytest.raises(ValueError, match=r"`api_key` must be your .* FLICKR_API_KEY\. Received: "):
        FlickrClient(key)


def test_the_rate_must_be_positive():
    with pytest.raises(ValueError, match=r"`requests_per_hour` must be positive.*=0"):
        FlickrClient("key", requests_per_hour=0)
