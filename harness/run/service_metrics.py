"""The service's own count of the requests it answered, taken from every ready replica once a second."""

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
from harness.rundir import Record

SAMPLE = re.compile(
    r"""^(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)\{(?P<labels>(?:[^"}]|"(?:[^"\\]|\\.)*")*)\}\s+(?P<value>\S+)""",
    re.MULTILINE,
)
TOTAL_S = 0.5
LONGEST_BYTES = 4 * 1024 * 1024
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def counts(text: str, metrics: Metrics) -> dict[str, float]:
    """Value of the contract's counter for each of its routes, summed over the other labels.

    `text` is in the Prometheus exposition format (version 0.0.4).
    """
    found = dict.fromkeys(metrics.routes, 0.0)
    for sample in SAMPLE.finditer(text):
        if sample["name"] != metrics.counter:
            continue
        route = dict(LABEL.findall(sample["labels"])).get(metrics.label)
        if route in found:
            with suppress(ValueError):
                found[route] += float(sample["value"])
    return found


def _get(url: str) -> tuple[int, Mapping[str, str], str]:
    """Status, headers and body; raises `requests.Timeout` when it takes too long in all, or is too long."""
    until = time.monotonic() + TOTAL_S
    with requests.Session() as session:
        # A proxy of the environment is for other hosts than the target's.
        session.trust_env = False
        with session.get(url, timeout=TOTAL_S, stream=True) as answer:
            body = b""
            for part in answer.iter_content(65_536):
                body += part
                if time.monotonic() > until or len(body) > LONGEST_BYTES:
                    raise requests.Timeout(url)
            return answer.status_code, answer.headers, body.decode("utf-8", "replace")


class Scraper:
    """Writes a `scrape` event for each replica and second to the run's metrics.jsonl."""

    def __init__(self, metrics: Metrics, record: Record, members: Callable[[], list[Member]], boot: str | None) -> None:
        self._metrics = metrics
        self._record = record
        self._members = members
        self._boot_header = boot
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(8, "scrape")
        self._thread = threading.Thread(target=self._loop, name="scraper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def _loop(self) -> None:
        while not self._stop.wait(1.0):
            self.once()

    def once(self) -> None:
        """Take every ready replica's counts now."""
        ready = [member for member in self._members() if member.role == "replica" and member.state == "ready"]
        list(self._pool.map(self._one, ready))

    def _one(self, member: Member) -> None:
        asked_ns = time.monotonic_ns()
        try:
            status, headers, text = _get(f"http://{member.host}:{member.port}{self._metrics.path}")
        except (requests.RequestException, ValueError):
            # A replica that dies or hangs meanwhile has its last scrape; the check allows for that.
            return
        if status == 200:
            boot = headers.get(self._boot_header) if self._boot_header else None
            series = counts(text, self._metrics)
            boot = boot or member.boot or member.name
            self._record.write("scrape", asked=asked_ns, replica=member.name, boot=boot, series=series)

    def stop(self) -> None:
        """No scrape is under way after it returns. Idempotent."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown()
