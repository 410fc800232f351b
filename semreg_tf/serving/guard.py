"""Keeps other people's web pages from using the server through a visitor's browser.

A page anywhere can post to an address that its visitor's browser can reach, and a name server under
an attacker's control can make a page's own name lead there (DNS rebinding), after which the page
reads the answers too. Browsers say truly from where a request comes (Fetch Metadata, RFC 6454's
`Origin`) and for which name (`Host`), so both are checked; other programs send neither header.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from semreg_tf.serving.limits import Refusal

_HARMLESS_METHODS = ("GET", "HEAD", "OPTIONS")
# The page itself, and a user who types an address.
_OWN_SITES = ("same-origin", "none")


@dataclass(frozen=True)
class Guard:
    """From which pages and under which names the server may be used.

    Args:
      hosts: names that a request may be for; None: any.
      origins: other pages, as "https://example.org", that may send requests.

    Raises:
      ValueError: an origin that is none.

    Example:
      >>> Guard.of("127.0.0.1", ["gpu-box"], []).check("GET", Headers({"host": "gpu-box:8501"}))
    """

    hosts: frozenset[str] | None = None
    origins: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for origin in self.origins:
            parts = urlsplit(origin)
            if not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}".lower():
                raise ValueError(
                    "`allowed_origins` must be of the form https://example.org:8080, in lower "
                    f"case, without a path. Received: {origin!r}"
                )

    @classmethod
    def of(cls, address: str, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> "Guard":
        """Returns the guard of a server.

        Args:
          address: it is bound to; bound to the loopback it answers to the loopback's names alone,
            elsewhere to any, unless `hosts` says which.
          hosts: further names.
          origins: further pages.
        """
        named = frozenset(host.lower() for host in hosts)
        hosts = named if named or _is_loopback(address) else None
        return cls(hosts, frozenset(origins))

    def check(self, method: str, headers: Headers) -> None:
        """Looks at the header of a request.

        Raises:
          Refusal: 421, it is for another host; 403, another site's page sends it.
        """
        host = headers.get("host", "")
        if host and not self._knows(host):
            raise Refusal(
                421,
                f"This server is not {host[:60]!a}: allow the name with --allowed_hosts.",
            )
        if method not in _HARMLESS_METHODS and self._is_foreign(headers, host):
            raise Refusal(
                403,
                "A page of another site may not use this server: allow it with --allowed_origins.",
            )

    def _knows(self, host: str) -> bool:
        if self.hosts is None:
            return True
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        return name in self.hosts or _is_loopback(name)

    def _is_foreign(self, headers: Headers, host: str) -> bool:
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is not None and origin.lower() in self.origins:
            return False
        if site is not None:
            return site not in _OWN_SITES
        return origin is not None and _netloc(origin) != host.lower()


def _netloc(origin: str) -> str:
    """Returns host and port of an origin, "" where it has none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
