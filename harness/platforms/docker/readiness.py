"""Whether a container's member is ready: what it says itself, and whether the balancer sends requests to it.

Compose's balancer finds replicas by itself, some time after they are ready. A replica it does not know yet serves
nobody: were it called ready, the last of the old version could be stopped while the new one is still unknown.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from harness.platforms.base import Deployment, Role
from harness.platforms.common import http_probe

_WORKER_SETTLED_S = 1.0
_UNTOLD_S = 5.0
_LOOKS_MAX = 60


@dataclass
class Probed:
    """What is known of one member by asking. `begun_ns` is 0 until the member runs; times are monotonic.

    Requests that went to the member before `shown_ns` do not show that the balancer knows it now.
    """

    name: str
    role: Role
    port: int | None
    boot: str | None = None
    host: str = ""
    begun_ns: int = 0
    ready_ns: int = 0
    shown_ns: int = 0
    healthy: bool = False
    shown: bool = False
    said: str = "not asked yet"


class ReadinessProbe:
    """Asks the replicas of one run at their own addresses, and the balancer at `port` of 127.0.0.1."""

    def __init__(self, deployment: Deployment, port: int) -> None:
        self._deployment, self._port = deployment, port
        self._lock = threading.Lock()
        self._answered_ns: dict[str, int] = {}

    def is_ready(self, member: Probed) -> bool:
        """Ask a member whether it is ready. A worker cannot be asked, and is ready when it has run for a moment."""
        if member.port is None:
            return bool(member.begun_ns) and time.monotonic_ns() - member.begun_ns > _WORKER_SETTLED_S * 1e9
        deployment = self._deployment
        status, headers = http_probe.get(member.port, deployment.ready, member.host)
        member.said = http_probe.said(deployment.ready, status)
        if deployment.boot_header:
            member.boot = headers.get(deployment.boot_header.lower()) or member.boot
        if http_probe.is_good(status) and not member.healthy:
            # Once in its life: a service may be ready to be sent requests and yet say that it is not well.
            status, _ = http_probe.get(member.port, deployment.health, member.host)
            member.healthy = http_probe.is_good(status)
            member.said = http_probe.said(deployment.health, status)
        is_good = http_probe.is_good(status)
        member.ready_ns = (member.ready_ns or time.monotonic_ns()) if is_good else 0
        return is_good

    def is_shown(self, member: Probed, others: int) -> bool:
        """Say whether the balancer has been seen to send requests to the member.

        Where that cannot be told (no boot id in the answers, or a balancer that keeps this client at one replica), it
        is enough that the member has been ready for a while.

        Args:
            member: The member.
            others: How many members share the requests with it.
        """
        if member.shown or member.port is None:
            return True
        boot, header = member.boot, self._deployment.boot_header
        if header is None or boot is None:
            member.shown = self._is_old(member)
            return member.shown
        for _ in range(min(_LOOKS_MAX, 2 * others + 2)):
            with self._lock:
                member.shown = self._answered_ns.get(boot, 0) > member.shown_ns
            if member.shown:
                return True
            status, headers = http_probe.get(self._port, self._deployment.ready)
            found = headers.get(header.lower())
            if found is None:
                break
            with self._lock:
                self._answered_ns[found] = time.monotonic_ns()
        member.said = f"the balancer has not been seen to send it requests (its answer: {status or 'none'})"
        member.shown = self._is_old(member)
        return member.shown

    @staticmethod
    def _is_old(member: Probed) -> bool:
        since_ns = max(member.ready_ns, member.shown_ns)
        return bool(member.ready_ns) and time.monotonic_ns() - since_ns > _UNTOLD_S * 1e9
