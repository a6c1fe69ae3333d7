"""A target in memory on which faults are tried."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.faults import Fault
from harness.faults.nemesis import Nemesis
from harness.faults.schedule import plan
from harness.platforms.base import Deployment, Program
from harness.platforms.memory.platform import MemoryPlatform
from harness.rundir.faults import read
from harness.supervision.supervisor import Supervisor


@dataclass
class Stage:
    """A target in memory with its supervisor, and the record of what is done to it."""

    folder: Path
    platform: MemoryPlatform
    supervisor: Supervisor

    def nemesis(self, *faults: Fault, **options: Any) -> Nemesis:
        made = Nemesis(plan(faults, 5, seed=1), self.platform, self.supervisor, self.folder / "faults.jsonl", **options)
        made.start(time.monotonic_ns())
        return made

    def lines(self, fault: int = 1) -> list[dict[str, Any]]:
        return [line for line in read(self.folder / "faults.jsonl") if line["fault"] == fault]

    def events(self, fault: int = 1) -> list[str]:
        return [line["e"] for line in self.lines(fault)]

    def state(self, name: str) -> str:
        return {member.name: member.state for member in self.platform.members()}[name]


def eventually(holds: Callable[[], object], deadline_s: float = 5.0) -> None:
    until = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.005)


def staged(folder: Path, replicas: int) -> Stage:
    platform = MemoryPlatform()
    program = Program(["x"], {})
    platform.deploy(
        Deployment(
            "nemesis-test", folder, folder / "l", replicas, 2, folder, lambda s: program, lambda s: program, "/h", "/r"
        )
    )
    supervisor = Supervisor(platform, {"replica": replicas, "worker": 2}, lambda members: None, replace_after_s=0.05)
    supervisor.start()
    return Stage(folder, platform, supervisor)
