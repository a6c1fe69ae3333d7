"""What the suite needs: every platform, a deployment of the tiny service, and a way to wait on conditions."""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.contract.start import Compose
from harness.platforms.base import Deployment, Platform, Program, Slot
from harness.platforms.docker.platform import DockerPlatform
from harness.platforms.kubernetes.platform import KubernetesPlatform
from harness.platforms.memory.platform import MemoryPlatform
from harness.platforms.process.platform import ProcessPlatform
from tests.support.kube import tiny_part

TINY = Path(__file__).parent.parent / "services" / "tiny.py"
COMPOSE = Compose(
    file=str(TINY.parent / "tiny-compose.yaml"),
    replica="target",
    worker="worker",
    balancer="haproxy",
    balancer_port=8080,
    port=8000,
    front="front",
)
FACTORIES: dict[str, Callable[[], Platform]] = {
    "memory": MemoryPlatform,
    "process": ProcessPlatform,
    "docker": DockerPlatform,
    "kubernetes": KubernetesPlatform,
}
_numbers = itertools.count(1)


def require_engine() -> None:
    """Skips at home, fails in CI."""
    missing = DockerPlatform().missing()
    if missing and os.environ.get("CI"):
        pytest.fail(f"CI must test on Docker. {missing[0]}")
    if missing:
        pytest.skip(missing[0])


def new_run_id() -> str:
    return f"test-{os.getpid()}-{next(_numbers)}"


@dataclass(frozen=True)
class Tiny:
    """How the tiny service is started: as a command, or in a container with the same variables."""

    arguments: tuple[str, ...]
    environment: dict[str, str]

    def __call__(self, slot: Slot) -> Program:
        given = {"HOST": slot.host, "PORT": str(slot.port), "REPLICA": slot.name, **self.environment}
        return Program([sys.executable, str(TINY), *self.arguments], given)


def tiny(*arguments: str, **environment: str) -> Tiny:
    return Tiny(arguments, environment)


def deployment(folder: Path, **changes: object) -> Deployment:
    wanted: dict[str, object] = {
        "run_id": new_run_id(),
        "logs": folder / "logs",
        "ledger_record": folder / "ledger.jsonl",
        "replicas": 2,
        "workers": 1,
        "directory": folder,
        "replica": tiny(),
        "worker": tiny("worker"),
        "health": "/health",
        "ready": "/ready",
        "boot_header": "X-Boot-Id",
        "compose": COMPOSE,
        # It writes its manifests into the folder, where those of another part may stand.
        **({} if "kubernetes" in changes else {"kubernetes": tiny_part(folder)}),
        **changes,
    }
    given = {role: getattr(wanted[role], "environment", {}) for role in ("replica", "worker")}
    # Without a command for a worker there is none that could come up, on any platform.
    given["worker"] = given["worker"] if wanted["worker"] else {"TINY_EXIT": "no worker"}
    wanted.setdefault("environment", given)
    return Deployment(**wanted)  # type: ignore[arg-type]


def eventually(holds: Callable[[], object], what: str, deadline_s: float = 10.0) -> None:
    until = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < until, f"not within {deadline_s} s: {what}"
        time.sleep(0.01)
