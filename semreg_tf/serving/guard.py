"""Protection against web pages of other sites that use the server through a visitor's browser.

A page can post to any address that its visitor's browser can reach, and with DNS rebinding (an
attacker's name server resolves the page's name to that address) it can read the answers too.
Browsers state truthfully which page sends a request (Fetch Metadata, `Origin` of RFC 6454) and for
which host (`Host`); both are checked. Other programs do not send the former headers.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from semreg_tf.serving.limits import Refusal

_HARMLESS_METHODS = ("GET", "HEAD", "OPTIONS")
# Values of Sec-Fetch-Site for the server's own page and for an address that a user types.
_OWN_SITES = ("same-origin", "none")


@dataclass(frozen=True)
class Guard:
    """The host names and the origins that the server accepts.

    Args:
      hosts: host names that requests may be for; None: any.
      origins: origins of other sites, as "https://example.org", whose pages may send requests.

    Raises:
      ValueError: an origin is invalid.

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

        Without `hosts`, a server on the loopback accepts the loopback's names only, and a server on
        another address accepts any name.

        Args:
          address: the address that the server is bound to.
          hosts: host names to accept beside the loopback's.
          origins: origins of other sites to accept.
        """
        names = frozenset(host.lower() for host in hosts)
        accepted = names if names or _is_loopback(address) else None
        return cls(accepted, frozenset(origins))

    def check(self, method: str, headers: Headers) -> None:
        """Checks the method and the headers of a request.

        Raises:
          Refusal: 421 if it is for another host; 403 if a page of another site sends it.
        """
        host = headers.get("host", "")
        if host and not self._accepts(host):
            raise Refusal(
                421,
                f"This server is not {host[:60]!a}: allow the name with --allowed_hosts.",
            )
        if method not in _HARMLESS_METHODS and self._is_foreign(headers, host):
            raise Refusal(
                403,
                "A page of another site may not use this server: allow it with --allowed_origins.",
            )

    def _accepts(self, host: str) -> bool:
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
    """Returns host and port of an origin, or ""."""
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
