"""When a container counts as ready."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.platforms.docker.readiness import Probed, ReadinessProbe
from tests.support.compose_files import order


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers with the boots of `server.boots` in turn; None: 503 without one."""

    def do_GET(self) -> None:
        boots: list[str | None] = self.server.boots  # type: ignore[attr-defined]
        boots.append(boots.pop(0))
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_response(503 if boots[-1] is None else 200)
        if boots[-1]:
            self.send_header("X-Boot-Id", boots[-1])
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    made.asked = []  # type: ignore[attr-defined]
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def member(port: int, boot: str | None = None) -> Probed:
    return Probed("replica-1", "replica", port, boot, "127.0.0.1", ready_ns=time.monotonic_ns())


def test_a_replica_is_shown_once_the_balancer_was_seen_to_send_to_it(server: Any, tmp_path: Path) -> None:
    probe = ReadinessProbe(order(tmp_path, boot_header="X-Boot-Id"), server.server_port)
    server.boots = ["b1", "b2"]
    one, two, three = (member(1, boot) for boot in ("b1", "b2", "b3"))
    assert probe.is_shown(one, 3) and probe.is_shown(two, 3)
    assert not probe.is_shown(three, 3) and "has not been seen to send it requests" in three.said
    server.boots = [None]
    assert probe.is_shown(one, 3), "once shown it is"
    fresh = member(1, "b1")
    fresh.shown_ns = time.monotonic_ns()
    assert not probe.is_shown(fresh, 3), "what went to it before does not count"
    assert not probe.is_shown(three, 3)


def test_where_it_cannot_be_told_some_seconds_are_enough(server: Any, tmp_path: Path) -> None:
    probe = ReadinessProbe(order(tmp_path, boot_header="X-Boot-Id"), server.server_port)
    server.boots = ["b1"]
    late = member(1, "b2")
    assert not probe.is_shown(late, 2)
    late.ready_ns -= 6 * 10**9
    assert probe.is_shown(late, 2)
    plain = ReadinessProbe(order(tmp_path, boot_header=None), server.server_port)
    unnamed = member(1, "replica-1")
    assert not plain.is_shown(unnamed, 2)
    unnamed.ready_ns -= 6 * 10**9
    assert plain.is_shown(unnamed, 2)


def test_health_is_asked_once_and_readiness_each_time(server: Any, tmp_path: Path) -> None:
    probe = ReadinessProbe(order(tmp_path, boot_header="X-Boot-Id"), 1)
    server.boots = ["b1"]
    one = member(server.server_port)
    assert probe.is_ready(one) and probe.is_ready(one) and one.boot == "b1"
    assert server.asked == ["/ready", "/health", "/ready"]
    server.boots = [None]
    assert not probe.is_ready(one) and one.ready_ns == 0 and one.said == "GET /ready: answered 503"
