"""What the suite needs: every platform, a deployment of the tiny service, and a way to wait on conditions."""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from harness.platforms.base import Deployment, Launcher, Platform, Program, Slot
from harness.platforms.memory import MemoryPlatform
from harness.platforms.process import ProcessPlatform

TINY = Path(__file__).parent.parent / "services" / "tiny.py"
FACTORIES: dict[str, Callable[[], Platform]] = {"memory": MemoryPlatform, "process": ProcessPlatform}
_numbers = itertools.count(1)


def new_run_id() -> str:
    return f"test-{os.getpid()}-{next(_numbers)}"


def tiny(*arguments: str, **environment: str) -> Launcher:
    def launch(slot: Slot) -> Program:
        given = {"HOST": slot.host, "PORT": str(slot.port), "REPLICA": slot.name, **environment}
        return Program([sys.executable, str(TINY), *arguments], given)

    return launch


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
        **changes,
    }
    return Deployment(**wanted)  # type: ignore[arg-type]


def eventually(holds: Callable[[], object], what: str, deadline_s: float = 10.0) -> None:
    until = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < until, f"not within {deadline_s} s: {what}"
        time.sleep(0.01)
