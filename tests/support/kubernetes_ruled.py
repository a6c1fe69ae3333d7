"""A cluster that allows what a test says, and where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.platforms.kubernetes.api import Refused

NEAR, FAR = "https://127.0.0.1:6443", "https://203.0.113.9:6443"


class Ruled:
    """A cluster whose user may do what `allowed` says of verb, resource and group."""

    def __init__(self, allowed: Callable[[str, str, str], bool], where: str = FAR) -> None:
        self.where, self.allowed = where, allowed
        self.nodes: list[str] | None = ["203.0.113.9", "203.0.113.10"]
        self.port = 30_000

    def may(self, verb: str, resource: str, group: str = "") -> bool:
        return self.allowed(verb, resource, group)

    def ask(self, method: str, path: str) -> dict[str, Any]:
        if path != "/api/v1/nodes":
            return {"spec": {"ports": [{"port": 80, "nodePort": self.port}]}}
        if self.nodes is None:
            raise Refused("nodes is forbidden", 403, "Forbidden")
        return {"items": [{"status": {"addresses": [{"type": "InternalIP", "address": each}]}} for each in self.nodes]}
