"""What is done to the pods of a target on Kubernetes, and what is known of the whole."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping

from harness.contract.start import Kubernetes
from harness.errors import FaultNotSeen
from harness.platforms.base import DEAD, Deployment, Role
from harness.platforms.common import http_probe
from harness.platforms.common.procfs import Found
from harness.platforms.kubernetes import manifests, node
from harness.platforms.kubernetes.api import Cluster, Refused
from harness.platforms.kubernetes.pods import Life, Roster, seen
from harness.platforms.kubernetes.watch import LogFollower, PodWatch

_BUDGET_WAIT_S = 15.0
_GONE_S = 20.0
_LOOK_S = 0.1


class Up:
    """What exists once a deployment has begun."""

    def __init__(
        self, deployment: Deployment, part: Kubernetes, cluster: Cluster, local: bool, locks: contextlib.ExitStack
    ) -> None:
        self.deployment, self.part, self.cluster, self.local, self.locks = deployment, part, cluster, local, locks
        self.namespace = part.attach or manifests.namespace_of(deployment.run_id)
        self.selectors: dict[str, Mapping[str, str]] = {}
        self.roster = Roster(boots_are_asked=deployment.boot_header is not None)
        self.workloads: dict[Role, str] = {"replica": part.replica, "worker": part.worker or ""}
        self.versions: dict[Role, int] = {"replica": 1, "worker": 1}
        self.second_deployments: set[str] = set()
        self.watch: PodWatch | None = None
        self.logs: dict[tuple[str, int], LogFollower] = {}
        self.processes: dict[str, list[Found]] = {}
        self.balancer: tuple[str, int] | None = None
        self.through_api = False

    def path(self, *names: str, api: str = "/api/v1") -> str:
        """Return the path of something in the namespace."""
        return "/".join([f"{api}/namespaces/{self.namespace}", *names])

    def workload(self, role: Role, *more: str) -> str:
        """Return the path of the Deployment that has a role now."""
        return self.path("deployments", self.workloads[role], *more, api="/apis/apps/v1")


def ask(up: Up, life: Life) -> tuple[bool, str | None]:
    """Ask a replica whether it is ready, and for its boot id. The cluster's own word may be a second old."""
    path = up.deployment.ready
    status, headers = _get(up, life, path)
    boot = headers.get(up.deployment.boot_header.lower()) if up.deployment.boot_header else None
    if http_probe.is_good(status) and not life.healthy:
        path = up.deployment.health
        status, _ = _get(up, life, path)
        life.healthy = http_probe.is_good(status)
    life.said = http_probe.said(path, status)
    return http_probe.is_good(status), boot


def _get(up: Up, life: Life, path: str) -> tuple[int, dict[str, str]]:
    """Ask a pod at its own address; where the cluster's network is not reached from here, through the API server."""
    if not up.through_api:
        status, headers = http_probe.get(up.part.port, path, life.about.ip)
        if status or not life.about.ready or life.healthy:
            return status, headers
    found = up.cluster.probe(up.path("pods", f"{life.about.name}:{up.part.port}", "proxy") + path)
    up.through_api = up.through_api or http_probe.is_good(found[0])
    return found


def has_ended(up: Up, life: Life) -> bool:
    """Say whether no process of a member's container is left, as this machine sees it."""
    if not life.about.container:
        # It was asked to end before it had begun; the cluster may go on naming it for a minute.
        return not node.processes(life.about.uid)
    found = up.processes.get(life.name) or node.processes(life.about.container)
    up.processes[life.name] = found
    return not node.is_there(found) and not node.processes(life.about.container)


def kill(up: Up, life: Life) -> str:
    """End a member at once, and return how that was seen.

    Raises:
        FaultNotSeen: It is still there.
    """
    what = f"pod {life.about.name}"
    how = f"{what}: {node.kill(life.about.container, what)}" if up.local else what
    with contextlib.suppress(Refused):
        up.cluster.ask("DELETE", up.path("pods", life.about.name), {"gracePeriodSeconds": 0})
    if not up.local:
        _until_gone(up, life)
    return f"{how}, and deleted with grace 0"


def _until_gone(up: Up, life: Life) -> None:
    until = time.monotonic() + _GONE_S
    while True:
        try:
            about = seen(up.cluster.ask("GET", up.path("pods", life.about.name)))
        except Refused:
            return
        if about.uid != life.about.uid or about.ended:
            return
        if time.monotonic() > until:
            raise FaultNotSeen(f"pod {life.about.name} is still there {_GONE_S:g} s after it was deleted")
        time.sleep(_LOOK_S)


def evict(up: Up, life: Life, grace_s: float) -> str:
    """Ask for the eviction of a member, wait for its end, and return how that was seen.

    Raises:
        FaultNotSeen: It did not end within the grace, and was killed; or the eviction was refused.
    """
    pod = life.about.name
    _ask_to_leave(up, pod)
    begun = time.monotonic()
    while time.monotonic() - begun < grace_s:
        if life.state in DEAD:
            return f"pod {pod} was evicted and ended after {time.monotonic() - begun:.2f} s"
        time.sleep(0.02)
    kill(up, life)
    raise FaultNotSeen(
        f"pod {pod} did not end within {grace_s:g} s after its eviction and was killed; it must drain and exit,"
        " or stop_grace_s in the contract must be longer"
    )


def _ask_to_leave(up: Up, pod: str) -> None:
    wanted = {"apiVersion": up.cluster.eviction(), "kind": "Eviction", "metadata": {"name": pod}}
    until = time.monotonic() + _BUDGET_WAIT_S
    while True:
        try:
            up.cluster.ask("POST", up.path("pods", pod, "eviction"), wanted)
            return
        except Refused as error:
            # 429: the budget allows none now.
            if error.status != 429 or time.monotonic() > until:
                raise FaultNotSeen(f"pod {pod} could not be evicted: {error}") from error
        time.sleep(_LOOK_S)


def in_node(up: Up, life: Life, action: Callable[[str, str], str]) -> str:
    """Act on the processes of a member's container, and return how the effect was seen.

    Raises:
        FaultNotSeen: The processes cannot be reached from here, or the effect was not seen.
    """
    if not up.local:
        raise FaultNotSeen(f"{life.name} runs on another machine: its processes cannot be reached from here")
    what = f"pod {life.about.name}"
    return f"{what}: {action(life.about.container, what)}"


def thaw_all(up: Up) -> None:
    """Thaw all members that are frozen, as far as that can be done."""
    for life in up.roster.lives.values():
        if life.state == "paused" and up.local:
            with contextlib.suppress(FaultNotSeen):
                node.thaw(life.about.container, life.name)
