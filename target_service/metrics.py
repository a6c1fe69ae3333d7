"""What this process counts, by the template of the route and never by an id or a path: the number of series is bounded.

    http_requests_total{route, status}       requests that were answered
    http_request_seconds{route}              how long each took until the answer began, a histogram
    store_round_trips_total{outcome}         answered | refused (the store said no) | unreachable (nothing was sent)
                                             | unknown (sent, and no reply came)
    store_up                                 1 if the last round trip was answered, 0 if not; absent before the first

A request is counted when its answer begins to be sent, so a scrape that follows an answer always contains it. The
counts are of this process since its start. They are no state of the service, and are lost with the process.
"""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

UNMATCHED = "unmatched"
"""The route of a request for a path that does not exist."""

RoundTrip = Literal["answered", "refused", "unreachable", "unknown"]
BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""The upper bounds of the histogram of answer times, in seconds."""


class Metrics:
    """The registry of one process."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "http_requests",
            "Requests answered, by route and status",
            ["route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "http_request_seconds",
            "Time until the answer began, by route",
            ["route"],
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self._round_trips = Counter(
            "store_round_trips",
            "Round trips to the store, by what came of them",
            ["outcome"],
            registry=self._registry,
        )
        self._up: Gauge | None = None
        # labels() takes a lock and builds a key at every call; there are few label sets.
        self._children: dict[tuple[str, int], Counter] = {}
        self._timers: dict[str, Histogram] = {}
        self._trips: dict[str, Counter] = {}

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answer, which began `seconds` after its request."""
        child = self._children.get((route, status))
        if child is None:
            child = self._children[route, status] = self._requests.labels(route, str(status))
        child.inc()
        timer = self._timers.get(route)
        if timer is None:
            timer = self._timers[route] = self._seconds.labels(route)
        timer.observe(seconds)

    def round_trip(self, outcome: RoundTrip) -> None:
        """Count one round trip to the store by what came of it."""
        child = self._trips.get(outcome)
        if child is None:
            child = self._trips[outcome] = self._round_trips.labels(outcome)
        child.inc()
        if self._up is None:
            self._up = Gauge(
                "store_up", "Whether the last round trip to the store was answered", registry=self._registry
            )
        self._up.set(outcome in ("answered", "refused"))

    def text(self) -> bytes:
        """Return the metrics in the text format that Prometheus reads."""
        return generate_latest(self._registry)
