"""Other sites' pages, and names that are not the server's, are refused."""

import pytest
from starlette.datastructures import Headers

from semreg_tf.serving.guard import Guard
from semreg_tf.serving.limits import Refusal


def status(guard, method="POST", **headers):
    headers = {"host": "127.0.0.1:8501"} | {k.replace("_", "-"): v for k, v in headers.items()}
    try:
        guard.check(method, Headers({k: v for k, v in headers.items() if v is not None}))
        return 200
    except Refusal as refusal:
        return refusal.status


LOCAL = Guard.of("127.0.0.1")


@pytest.mark.parametrize(
    "host, code",
    [
        ("127.0.0.1:8501", 200),
        ("localhost", 200),
        ("LOCALHOST.:80", 200),
        ("[::1]:8501", 200),
        ("127.3.2.1", 200),
        (None, 200),
        ("evil.example", 421),
        ("evil.example:8501", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("127.0.0.1@evil.example", 421),
        ("192.0.2.1", 421),
        ("[", 421),
        ("é", 421),
    ],
)
def test_bound_to_the_loopback_it_has_the_loopbacks_names(host, code):
    for method in ("GET", "POST"):
        assert status(LOCAL, method, host=host) == code
        assert status(Guard.of("::1"), method, host=host) == code


def test_bound_elsewhere_it_has_any_name_or_those_given():
    assert status(Guard.of("0.0.0.0"), host="anything") == 200
    named = Guard.of("0.0.0.0", ["GPU-box"])
    assert [status(named, host=h) for h in ("gpu-box:80", "127.0.0.1", "other")] == [200, 200, 421]
    assert status(Guard.of("127.0.0.1", ["demo.example"]), host="demo.example") == 200


@pytest.mark.parametrize(
    "headers, code",
    [
        ({}, 200),
        ({"origin": "http://127.0.0.1:8501"}, 200),
        ({"origin": "http://127.0.0.1:8501", "sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "none"}, 200),
        # A proxy in front may have changed the host; the browser has seen the true one.
        ({"origin": "https://demo.example", "sec_fetch_site": "same-origin"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"origin": "http://127.0.0.1:8501", "sec_fetch_site": "cross-site"}, 403),
    ],
)
def test_only_the_servers_own_page_and_programs_may_post(headers, code):
    assert status(LOCAL, **headers) == code
    assert status(LOCAL, "PUT", **headers) == code
    # To read is harmless: another origin's page does not see the answer.
    assert status(LOCAL, "GET", **headers) == 200


def test_an_allowed_origin_may_post():
    guard = Guard.of("127.0.0.1", (), ["https://demo.example"])
    assert status(guard, origin="https://demo.example", sec_fetch_site="cross-site") == 200
    assert status(guard, origin="https://evil.example", sec_fetch_site="cross-site") == 403


@pytest.mark.parametrize("origin", ["*", "demo.example", "https://a.example/", "https://A.example"])
def test_an_origin_that_no_browser_sends_is_refused(origin):
    with pytest.raises(ValueError, match="`allowed_origins` must be of the form"):
        Guard.of("127.0.0.1", (), [origin])
