"""Requests to a target through its balancer, and what is seen of its replicas."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from harness.platforms.base import Platform
from harness.supervision.supervisor import Supervisor


def ask(address: tuple[str, int], path: str = "/whoami") -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection(*address, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


@contextmanager
def kept(platform: Platform) -> Iterator[Supervisor]:
    supervisor = Supervisor(platform, {"replica": 2, "worker": 1}, lambda members: None, replace_after_s=0.2)
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()


def boots(platform: Platform) -> dict[str, str | None]:
    return {m.name: m.boot for m in platform.members() if m.role == "replica" and m.state == "ready"}


@contextmanager
def load(address: tuple[str, int]) -> Iterator[list[tuple[int, str]]]:
    """Asks without a pause; status (0: none) and boot of every answer."""
    seen: list[tuple[int, str]] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            connection = http.client.HTTPConnection(*address, timeout=5)
            try:
                connection.request("GET", "/whoami")
                answer = connection.getresponse()
                answer.read()
                seen.append((answer.status, answer.headers["X-Boot-Id"]))
            except (OSError, http.client.HTTPException):
                seen.append((0, ""))
            finally:
                connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()
