"""Free ports on 127.0.0.1 that nothing else is given while the run lasts.

Outside the ephemeral range, because there a client's outgoing connection may take a port between the moment it
was found free and the moment a child binds it. Two runs side by side are kept apart by an abstract unix socket
for each port, which dies with the process that holds it.
"""

from __future__ import annotations

import random
import socket
import threading
from pathlib import Path

from harness.errors import EnvironmentFailure

HOST = "127.0.0.1"
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_000


def candidates() -> list[int]:
    """Return all ports from 10,000 up that the kernel does not hand out by itself.

    Raises:
        EnvironmentFailure: The kernel leaves too few.
    """
    try:
        low, high = (int(word) for word in _RANGE.read_text().split())
    except OSError:
        low, high = 32_768, 60_999
    found = [*range(_LOWEST, low), *range(high + 1, 65_536)]
    if len(found) < 200:
        raise EnvironmentFailure(
            f"{_RANGE} leaves only {len(found)} ports from {_LOWEST} up for services; narrow the range"
        )
    return found


class Ports:
    """The ports of one run. Each is given out once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._marks: list[socket.socket] = []
        self._left = candidates()
        # Not the run's seed: a plan must repeat, an address need not, and two equal seeds would only collide.
        random.SystemRandom().shuffle(self._left)

    def take(self) -> int:
        """Return a port that could be bound just now and that no other run has. Never the same one twice.

        Raises:
            EnvironmentFailure: No port is free.
        """
        with self._lock:
            while self._left:
                port = self._left.pop()
                mark = self._mark(port)
                if mark is not None:
                    self._marks.append(mark)
                    return port
        raise EnvironmentFailure(f"no free port on {HOST}: end what occupies them, or run fewer replicas")

    def release(self) -> None:
        """Let other runs have the ports. To be called once nothing listens on them any more."""
        with self._lock:
            while self._marks:
                self._marks.pop().close()

    @staticmethod
    def _mark(port: int) -> socket.socket | None:
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            mark.bind(f"\0harness-port-{port}")
            with socket.socket() as probe:
                probe.bind((HOST, port))
        except OSError:
            mark.close()
            return None
        return mark
