"""A client of Flickr's API for the tags of a photo, with rate limit and retries."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import requests
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

BASE_URL = "https://api.flickr.com/services/rest/"
_METHOD = "flickr.photos.getInfo"
_ATTEMPTS = 6
_LONGEST_WAIT_SECS = 3_600.0
# Flickr's error codes: lower ones are about the photo; two higher ones are temporary.
_FIRST_GENERAL_CODE = 90
_TEMPORARY_CODES = (105, 106)
_TEMPORARY_STATUSES = (408, 429)


class TemporaryError(Exception):
    """All attempts failed for temporary reasons."""


class TagsAnswer(NamedTuple):
    """Flickr's answer: the distinct `tags` in its order, or the `problem`, why there are none."""

    tags: tuple[str, ...]
    problem: str | None = None


class _Failure(NamedTuple):
    """A failed attempt; if it is `temporary`, a later one may succeed, after the server's wait."""

    reason: str
    temporary: bool = True
    wait_secs: float = 0.0


class FlickrClient:
    """Fetches the tags of photos, with up to six attempts and doubling waits."""

    def __init__(
        self,
        api_key: str | None,
        base_url: str = BASE_URL,
        requests_per_hour: float = 3_600,
        first_wait_secs: float = 1.0,
        timeout_secs: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Creates the client.

        Args:
          api_key: your Flickr API key.
          base_url: address of the REST interface.
          requests_per_hour: maximum rate of attempts; Flickr allows 3,600 per key.
          first_wait_secs: the wait after the first failed attempt, doubled after each further one.
          timeout_secs: maximum time of an answer.
          sleep: waits for a number of seconds.

        Raises:
          ValueError: there is no key, or the rate is not positive.
        """
        if not api_key:
            raise ValueError(
                "`api_key` must be your Flickr API key: give the flag or set FLICKR_API_KEY. "
                f"Received: api_key={api_key!r}"
            )
        if not requests_per_hour > 0:
            raise ValueError(
                "`requests_per_hour` must be positive. "
                f"Received: requests_per_hour={requests_per_hour}"
            )
        self._api_key, self._base_url = api_key, base_url
        self._interval_secs = 3_600 / requests_per_hour
        self._first_wait_secs, self._timeout_secs, self._sleep = (
            first_wait_secs,
            timeout_secs,
            sleep,
        )
        self._session = requests.Session()
        self._next_start = time.monotonic()

    def tags(self, photo_id: str) -> TagsAnswer:
        """Returns a photo's tags in Flickr's normal form, or the reason why there are none.

        Raises:
          TemporaryError: all attempts failed: the server is down, busy or unreachable.
          ValueError: the key or the address is refused, so that all photos would fail.
        """
        failure = _Failure("")
        for attempt in range(_ATTEMPTS):
            if attempt:
                wait_secs = self._first_wait_secs * 2 ** (attempt - 1)
                self._sleep(min(max(wait_secs, failure.wait_secs), _LONGEST_WAIT_SECS))
            outcome = self._ask(photo_id)
            if isinstance(outcome, TagsAnswer):
                return outcome
            failure = outcome
            if not failure.temporary:
                raise ValueError(
                    "`api_key` and `base_url` must be accepted by Flickr. "
                    f"Received: base_url={self._base_url!r}, which says {failure.reason!r}"
                )
        raise TemporaryError(f"photo {photo_id}: {failure.reason}, {_ATTEMPTS} times")

    def _ask(self, photo_id: str) -> TagsAnswer | _Failure:
        self._pace()
        fields = {
            "method": _METHOD,
            "api_key": self._api_key,
            "photo_id": photo_id,
            "format": "json",
            "nojsoncallback": "1",
        }
        try:
            # A POST without redirects, so that no address in a message contains the key.
            response = self._session.post(
                self._base_url, data=fields, timeout=self._timeout_secs, allow_redirects=False
            )
        except requests.RequestException as error:
            temporary = isinstance(error, requests.ConnectionError | requests.Timeout)
            return _Failure(type(error).__name__, temporary)
        status = response.status_code
        if status != 200:
            temporary = status in _TEMPORARY_STATUSES or status >= 500
            return _Failure(f"HTTP {status}", temporary, _retry_after_secs(response))
        try:
            return _read(response.json())
        except (ValueError, KeyError, TypeError, AttributeError):
            return _Failure("an answer of another form")

    def _pace(self) -> None:
        wait_secs = self._next_start - time.monotonic()
        if wait_secs > 0:
            self._sleep(wait_secs)
        self._next_start = time.monotonic() + self._interval_secs


def _read(answer: dict[str, Any]) -> TagsAnswer | _Failure:
    if answer["stat"] == "ok":
        names = (tag["_content"].strip() for tag in answer["photo"]["tags"]["tag"])
        return TagsAnswer(tuple(dict.fromkeys(name for name in names if name)))
    problem = f"{answer['code']}: {answer['message']}"
    if answer["code"] < _FIRST_GENERAL_CODE:
        return TagsAnswer((), problem)
    return _Failure(problem, answer["code"] in _TEMPORARY_CODES)


def _retry_after_secs(response: requests.Response) -> float:
    try:
        return Retry().parse_retry_after(response.headers.get("Retry-After", "0"))
    except InvalidHeader:
        return 0.0
