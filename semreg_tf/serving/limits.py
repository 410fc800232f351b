"""The server's limits, and the exception of a refused request."""

import math

from semreg_tf.config_checks import Checked, config_class, number

MEBIBYTE = 2**20


class Refusal(Exception):
    """The refusal of a request, or of one of its pictures.

    Args:
      status: the HTTP status.
      reason: one sentence for the user.
      retry_after_secs: time after which the client may try again, or None.
    """

    def __init__(self, status: int, reason: str, retry_after_secs: float | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason
        self.headers = {}
        if retry_after_secs is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after_secs)))


@config_class
class Limits(Checked):
    """The server's limits, each with the HTTP status of a request that exceeds it.

    Attributes:
      max_body_bytes: bytes of one request (413).
      max_image_pixels: pixels of one picture, by its header, before it is decoded (422).
      max_request_pixels: pixels of all pictures of one request, by their headers (413).
      max_images: pictures of one request (413).
      max_user_tags: user tags of one picture (400).
      max_tag_chars: characters of one user tag (400).
      max_queue_images: pictures waiting for the model (429).
      max_requests: complete requests that wait or are being answered (429).
      max_held_bytes: bytes of all bodies together (429).
      max_connections: open connections; the one that has kept the server waiting longest is closed
        to make room, otherwise the new one is refused (503).
      header_secs: time for a request's header to arrive (408).
      body_secs: time for a body to arrive (408).
      idle_secs: time between an answer and the next request, after which the connection is closed.

    Raises:
      ValueError: a limit is below 1, or limits contradict each other.

    Example:
      >>> Limits(max_image_pixels=4_000_000)
    """

    max_body_bytes: int = number(32 * MEBIBYTE, 1)
    max_image_pixels: int = number(25_000_000, 1)
    max_request_pixels: int = number(100_000_000, 1)
    max_images: int = number(64, 1)
    max_user_tags: int = number(256, 1)
    max_tag_chars: int = number(200, 1)
    max_queue_images: int = number(256, 1)
    max_requests: int = number(512, 1)
    max_held_bytes: int = number(256 * MEBIBYTE, 1)
    max_connections: int = number(1000, 1)
    header_secs: float = number(10.0, 1.0)
    body_secs: float = number(30.0, 1.0)
    idle_secs: float = number(15.0, 1.0)

    def check(self) -> None:
        """Refuses limits that contradict each other."""
        for name, least in (
            ("max_queue_images", "max_images"),
            ("max_held_bytes", "max_body_bytes"),
            ("max_request_pixels", "max_image_pixels"),
        ):
            if getattr(self, name) < getattr(self, least):
                raise ValueError(
                    f"`{name}` must be at least `{least}`, {getattr(self, least)}: otherwise some "
                    f"requests could never be served. Received: {name}={getattr(self, name)}"
                )
