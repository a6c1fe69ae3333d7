"""Reads the service's own count of the requests that it answered, from every ready replica once a second.

The check `accounting` compares these counts with what the clients saw.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import requests

from harness.contract.model import Metrics
from harness.platforms.base import Member
from harness.run.events import CountsScraped

_SAMPLE = re.compile(
    r"""^(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)\{(?P<labels>(?:[^"}]|"(?:[^"\\]|\\.)*")*)\}\s+(?P<value>\S+)""",
    re.MULTILINE,
)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_PERIOD_S = 1.0
_TOTAL_S = 0.5
_LONGEST_BYTES = 4 * 1024 * 1024
_AT_ONCE = 8


def counts(text: str, metrics: Metrics) -> dict[str, float]:
    """Return the value of the contract's counter for each route that the contract names.

    Args:
        text: what the service answered, in the Prometheus exposition format (version 0.0.4).
        metrics: the counter, the label that holds the route, and the routes.

    Returns:
        The sum over all other labels by route; 0 for a route that the text does not name.
    """
    found = dict.fromkeys(metrics.routes, 0.0)
    for sample in _SAMPLE.finditer(text):
        if sample["name"] != metrics.counter:
            continue
        route = dict(_LABEL.findall(sample["labels"])).get(metrics.label)
        if route in found:
            with suppress(ValueError):
                found[route] += float(sample["value"])
    return found


def _get(url: str) -> tuple[int, Mapping[str, str], str]:
    """Return status, headers and body of an answer.

    Raises:
        requests.Timeout: the whole answer took more than `_TOTAL_S`, or has more than `_LONGEST_BYTES`.
    """
    until = time.monotonic() + _TOTAL_S
    with requests.Session() as session:
        # A proxy of the environment is for other hosts than the target's.
        session.trust_env = False
        with session.get(url, timeout=_TOTAL_S, stream=True) as answer:
            body = b""
            for part in answer.iter_content(65_536):
                body += part
                if time.monotonic() > until or len(body) > _LONGEST_BYTES:
                    raise requests.Timeout(url)
            return answer.status_code, answer.headers, body.decode("utf-8", "replace")


class Scraper:
    """Tells a `CountsScraped` event for each ready replica and second, from a thread of its own."""

    def __init__(
        self,
        metrics: Metrics,
        tell: Callable[[CountsScraped], None],
        members: Callable[[], list[Member]],
        boot_header: str | None,
    ) -> None:
        """Prepare to scrape; `start` begins.

        Args:
            metrics: where the service tells its counts, and which are wanted.
            tell: gets each event, from several threads.
            members: returns all members with their states.
            boot_header: the header of an answer that holds the replica's boot id, if the contract names one.
        """
        self._metrics, self._tell, self._members, self._boot_header = metrics, tell, members, boot_header
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(_AT_ONCE, "scrape")
        self._thread = threading.Thread(target=self._loop, name="scraper", daemon=True)

    def start(self) -> None:
        """Begin to scrape once a second."""
        self._thread.start()

    def _loop(self) -> None:
        while not self._stop.wait(_PERIOD_S):
            self.once()

    def once(self) -> None:
        """Scrape every ready replica now, and return when all have answered or failed to."""
        ready = [member for member in self._members() if member.role == "replica" and member.state == "ready"]
        list(self._pool.map(self._scrape, ready))

    def _scrape(self, member: Member) -> None:
        asked_ns = time.monotonic_ns()
        try:
            status, headers, text = _get(f"http://{member.host}:{member.port}{self._metrics.path}")
        except (requests.RequestException, ValueError):
            # A replica that dies or hangs meanwhile has its last scrape; the check allows for that.
            return
        if status == 200:
            boot = headers.get(self._boot_header) if self._boot_header else None
            boot = boot or member.boot or member.name
            self._tell(CountsScraped(asked_ns, member.name, boot, counts(text, self._metrics)))

    def stop(self) -> None:
        """End scraping; no scrape is under way when this returns. May be called twice."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown()
