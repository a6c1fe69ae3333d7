"""Counters of answered requests, by route template (never an id) and status: http_requests_total.

Counted when the answer begins to be sent: a scrape that follows an answer always contains it. The counts are of this
process and this boot; they are no state of the service, and die with it.
"""

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

UNMATCHED = "unmatched"
"""The route of a request for a path that does not exist."""


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
        # labels() takes a lock and builds a key at every call; there are few label sets.
        self._children: dict[tuple[str, int], Counter] = {}

    def answered(self, route: str, status: int) -> None:
        """Counts one answer."""
        child = self._children.get((route, status))
        if child is None:
            child = self._children[route, status] = self._requests.labels(route, str(status))
        child.inc()

    def text(self) -> bytes:
        """The exposition text."""
        return generate_latest(self._registry)
