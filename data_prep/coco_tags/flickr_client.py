"""Asks Flickr's API for the tags of one photo, politely: paced, and patient with its troubles."""

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
# Flickr's error codes: lower ones speak of the photo, two above that pass with time.
_FIRST_GENERAL_CODE = 90
_PASSING_CODES = (105, 106)
_PASSING_STATUSES = (408, 429)


class TemporaryError(Exception):
    """The photo could not be asked about now, in any of the attempts."""


class TagsAnswer(NamedTuple):
    """What Flickr says: `tags`, distinct, in its order, or in `problem` why there are none."""

    tags: tuple[str, ...]
    problem: str | None = None


class _Trouble(NamedTuple):
    """What was wrong with one attempt: whether waiting helps, and how long the server asks for."""

    what: str
    passing: bool = True
    wait_secs: float = 0.0


class FlickrClient:
    """Fetches tags, each photo in up to six attempts with doubling waits."""

    def __init__(
        self,
        api_key: str | None,
        base_url: str = BASE_URL,
        requests_per_hour: float = 3_600,
        first_wait_secs: float = 1.0,
        timeout_secs: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Makes the client.

        Args:
          api_key: the key that Flickr gave you.
          base_url: where the REST interface is.
          requests_per_hour: attempts start no closer together than this; 3,600 is what Flickr
            allows a key.
          first_wait_secs: the wait after a first failed attempt; each later one is doubled.
          timeout_secs: how long an answer may take.
          sleep: waits so many seconds.

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
        """Returns a photo's tags in Flickr's normal form, or why there are none.

        Raises:
          TemporaryError: no attempt had an answer: the server is down, busy or unreachable.
          ValueError: the key or the address is refused, so that no photo would have an answer.
        """
        trouble = _Trouble("")
        for attempt in range(_ATTEMPTS):
            if attempt:
                wait_secs = self._first_wait_secs * 2 ** (attempt - 1)
                self._sleep(min(max(wait_secs, trouble.wait_secs), _LONGEST_WAIT_SECS))
            outcome = self._ask(photo_id)
            if isinstance(outcome, TagsAnswer):
                return outcome
            trouble = outcome
            if not trouble.passing:
                raise ValueError(
                    "`api_key` and `base_url` must be accepted by Flickr. "
                    f"Received: base_url={self._base_url!r}, which says {trouble.what!r}"
                )
        raise TemporaryError(f"photo {photo_id}: {trouble.what}, {_ATTEMPTS} times")

    def _ask(self, photo_id: str) -> TagsAnswer | _Trouble:
        self._pace()
        fields = {
            "method": _METHOD,
            "api_key": self._api_key,
            "photo_id": photo_id,
            "format": "json",
            "nojsoncallback": "1",
        }
        try:
            # Posted, and never followed elsewhere: no message that names an address shows the key.
            response = self._session.post(
                self._base_url, data=fields, timeout=self._timeout_secs, allow_redirects=False
            )
        except requests.RequestException as error:
            passing = isinstance(error, requests.ConnectionError | requests.Timeout)
            return _Trouble(type(error).__name__, passing)
        status = response.status_code
        if status != 200:
            passing = status in _PASSING_STATUSES or status >= 500
            return _Trouble(f"HTTP {status}", passing, _retry_after_secs(response))
        try:
            return _read(response.json())
        except (ValueError, KeyError, TypeError, AttributeError):
            return _Trouble("an answer of another form")

    def _pace(self) -> None:
        wait_secs = self._next_start - time.monotonic()
        if wait_secs > 0:
            self._sleep(wait_secs)
        self._next_start = time.monotonic() + self._interval_secs


def _read(answer: dict[str, Any]) -> TagsAnswer | _Trouble:
    if answer["stat"] == "ok":
        names = (tag["_content"].strip() for tag in answer["photo"]["tags"]["tag"])
        return TagsAnswer(tuple(dict.fromkeys(name for name in names if name)))
    problem = f"{answer['code']}: {answer['message']}"
    if answer["code"] < _FIRST_GENERAL_CODE:
        return TagsAnswer((), problem)
    return _Trouble(problem, answer["code"] in _PASSING_CODES)


def _retry_after_secs(response: requests.Response) -> float:
    try:
        return Retry().parse_retry_after(response.headers.get("Retry-After", "0"))
    except InvalidHeader:
        return 0.0
