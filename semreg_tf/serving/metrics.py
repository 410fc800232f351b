"""The server's metrics in Prometheus' text format."""

from collections.abc import Callable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_SECS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """Metrics of one server."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, queue_depth: Callable[[], int], requests: Callable[[], int]) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._requests = Counter(
            "semreg_requests", "Answered requests.", ["route", "code"], registry=registry
        )
        self._secs = Histogram(
            "semreg_request_seconds",
            "Time from a request's header to its answer.",
            ["route"],
            buckets=_SECS,
            registry=registry,
        )
        self._batch_images = Histogram(
            "semreg_batch_images", "Pictures in a batch.", buckets=_SIZES, registry=registry
        )
        self._batch_secs = Histogram(
            "semreg_batch_seconds", "Model time of a batch.", buckets=_SECS, registry=registry
        )
        self._images = Counter(
            "semreg_images", "Annotated and refused pictures.", ["outcome"], registry=registry
        )
        for outcome in ("annotated", "refused"):
            self._images.labels(outcome)
        depth = Gauge("semreg_queue_images", "Waiting pictures.", registry=registry)
        depth.set_function(queue_depth)
        running = Gauge("semreg_requests_running", "Requests in progress.", registry=registry)
        running.set_function(requests)

    def count_request(self, route: str, code: int, secs: float) -> None:
        """Counts an answered request."""
        self._requests.labels(route, str(code)).inc()
        self._secs.labels(route).observe(secs)

    def count_batch(self, num_images: int, secs: float) -> None:
        """Counts a batch that the model has run."""
        self._batch_images.observe(num_images)
        self._batch_secs.observe(secs)

    def count_images(self, annotated: int, refused: int) -> None:
        """Counts the pictures of a request."""
        self._images.labels("annotated").inc(annotated)
        self._images.labels("refused").inc(refused)

    def text(self) -> bytes:
        """Returns all metrics for a scraper."""
        return generate_latest(self._registry)
