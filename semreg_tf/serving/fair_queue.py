"""A queue in which clients take turns, so that large requests do not delay small ones.

Peers (addresses) are served round robin. Connections of one peer share its turns by start-time
fair queueing (Goyal, Vin and Cheng, 1996): each item's start tag is one more than that of the
connection's previous item, and the lowest tag is served first. The first picture of a small request
is therefore served before the last of a large one, which is still served in the end.
"""

import bisect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
# With more tags than this, those of connections without waiting items are dropped.
_MOST_TAGS = 1000


@dataclass(frozen=True)
class Client:
    """The sender of a request.

    Attributes:
      peer: its address, which may have many connections.
      connection: the connection's port.
    """

    peer: str = ""
    connection: int = 0


class FairQueue(Generic[T]):
    """A queue of many clients' items; it is not thread-safe.

    Example:
      >>> queue = FairQueue()
      >>> for item, port in (("a1", 1), ("a2", 1), ("b1", 2)):
      ...     queue.push(item, Client("::1", port))
      >>> [queue.pop() for _ in range(3)]
      ['a1', 'b1', 'a2']
    """

    def __init__(self) -> None:
        # In the order of their turns.
        self._peers: dict[str, _PeerQueue[T]] = {}
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return sum(map(len, self._peers.values()))

    def __iter__(self) -> Iterator[T]:
        """Iterates over all items, peer after peer, each peer's in the order of service."""
        return itertools.chain.from_iterable(self._peers.values())

    def push(self, item: T, client: Client) -> None:
        """Adds an item."""
        queue = self._peers.setdefault(client.peer, _PeerQueue())
        queue.push(item, client.connection, next(self._numbers))

    def pop(self, fits: Callable[[T], bool] = lambda item: True) -> T | None:
        """Removes and returns the next item that fits, or None."""
        for peer, queue in self._peers.items():
            item = queue.pop(fits)
            if item is not None:
                del self._peers[peer]
                if len(queue):
                    self._peers[peer] = queue
                return item
        return None

    def count(self, peer: str) -> int:
        """Returns the number of a peer's items."""
        return len(self._peers.get(peer, ()))

    def busiest(self) -> str | None:
        """Returns the peer with the most items, or None."""
        return max(self._peers, key=self.count, default=None)

    def pop_last(self, peer: str) -> T:
        """Removes and returns a peer's last item in the order of service."""
        queue = self._peers[peer]
        item = queue.pop_last()
        if not len(queue):
            del self._peers[peer]
        return item


class _PeerQueue(Generic[T]):
    """The items of one peer by start tag."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, int, T]] = []
        self._next_tags: dict[int, float] = {}
        self._now = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[T]:
        return (item for *_, item in self._waiting)

    def push(self, item: T, connection: int, number: int) -> None:
        tag = max(self._now, self._next_tags.get(connection, 0.0))
        self._next_tags[connection] = tag + 1
        # The number is unique, so that sorting never compares items.
        bisect.insort(self._waiting, (tag, number, connection, item))

    def pop(self, fits: Callable[[T], bool]) -> T | None:
        for i, (tag, _, _, item) in enumerate(self._waiting):
            if fits(item):
                # Virtual time advances as if all connections were served in parallel. If it were
                # the tag alone, new connections could delay an older connection's later items.
                connections = len({connection for *_, connection, _ in self._waiting})
                self._now = max(self._now + 1 / connections, tag)
                del self._waiting[i]
                self._drop_old_tags()
                return item
        return None

    def pop_last(self) -> T:
        return self._waiting.pop()[-1]

    def _drop_old_tags(self) -> None:
        if len(self._next_tags) > _MOST_TAGS:
            self._next_tags = {c: tag for c, tag in self._next_tags.items() if tag > self._now}
