"""What a server takes, and how it says no."""

import math
from dataclasses import dataclass, fields

MEBIBYTE = 2**20


class Refusal(Exception):
    """A request, or one picture of it, that is answered with a reason in place of a result.

    Args:
      status: the HTTP status.
      reason: one sentence for the user.
      retry_after_secs: when to try again, for refusals that pass.
    """

    def __init__(self, status: int, reason: str, retry_after_secs: float | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason
        self.headers = {}
        if retry_after_secs is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after_secs)))


@dataclass(frozen=True)
class Limits:
    """What a server takes at once; more is refused, never tried.

    Attributes:
      max_body_bytes: of one request (413).
      max_image_pixels: of one picture, by its header, before it is unpacked (422).
      max_request_pixels: of all pictures of one request, by their headers (413).
      max_images: of one request (413).
      max_user_tags: of one picture (400).
      max_tag_chars: of one user tag (400).
      max_queue_images: waiting for the model (429).
      max_requests: whole requests, waiting or being answered (429).
      max_held_bytes: of all bodies together (429).
      max_connections: open at once; the one that has kept the server waiting longest makes room,
        else 503.
      header_secs: for a request's header to arrive (408).
      body_secs: for a body to arrive (408).
      idle_secs: between an answer and the next request; the connection is then closed.

    Raises:
      ValueError: a limit below 1, or limits that no request could meet.

    Example:
      >>> Limits(max_image_pixels=4_000_000)
    """

    max_body_bytes: int = 32 * MEBIBYTE
    max_image_pixels: int = 25_000_000
    max_request_pixels: int = 100_000_000
    max_images: int = 64
    max_user_tags: int = 256
    max_tag_chars: int = 200
    max_queue_images: int = 256
    max_requests: int = 512
    max_held_bytes: int = 256 * MEBIBYTE
    max_connections: int = 1000
    header_secs: float = 10.0
    body_secs: float = 30.0
    idle_secs: float = 15.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value < 1:
                raise ValueError(
                    f"`{field.name}` must be at least 1. Received: {field.name}={value}"
                )
        for name, least in (
            ("max_queue_images", "max_images"),
            ("max_held_bytes", "max_body_bytes"),
            ("max_request_pixels", "max_image_pixels"),
        ):
            if getattr(self, name) < getattr(self, least):
                raise ValueError(
                    f"`{name}` must be at least `{least}`, {getattr(self, least)}: else some "
                    f"requests could never be taken. Received: {name}={getattr(self, name)}"
                )
