"""A load agent for tests, as its parent starts it, and what it journals."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.contract.model import Contract
from harness.load.handle import AgentHandle
from harness.load.settings import AgentSettings
from harness.platforms.common.lock import hold_name
from harness.rundir.journal import Hasher
from tests.support.service import CONTRACT, Service

MASTER = bytes(range(32))
DEADLINE_S = 30.0


@contextmanager
def agent(folder: Path, service: Service, clients: dict[str, int], **more: Any) -> Iterator[AgentHandle]:
    host, port = service.address
    settings: dict[str, Any] = {
        "agent": 0,
        "seed": 7,
        "journal": str(folder / "journal-0.jsonl"),
        "master": MASTER.hex(),
        "contract": Contract.model_validate(CONTRACT),
        "users": [],
        "balancer": (host, port),
        "hop": True,
        "clients": clients,
        "rate_per_s": None,
        "duration_s": 0.6,
        "think_s": (0.01, 0.03),
        "timeout_s": 20.0,
        "members": [{"name": "replica-1", "host": host, "port": port, "state": "ready"}],
        **more,
    }
    run_id = f"agent-test-{os.getpid()}"
    # A run that nobody holds is a dead one: a `recover` of somebody else would end the agent.
    with hold_name(run_id):
        made = AgentHandle(0, run_id, folder / "agent-0.log", lambda *_: None)
        made.begin(AgentSettings(**settings))
        try:
            made.wait("start", DEADLINE_S)
            yield made
        finally:
            made.close()


def do(made: AgentHandle, phase: str) -> dict[str, Any]:
    made.tell(phase)
    return made.wait(phase, DEADLINE_S)


def journal(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal-0.jsonl").read_bytes().splitlines()]


def ops(folder: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Invoke and completion of every op, in the order of invokes."""
    lines = journal(folder)
    ends = {line["n"]: line for line in lines if line["e"] == "c"}
    return [(line, ends[line["n"]]) for line in lines if line["e"] == "i"]


def brief(folder: Path, workload: str) -> list[tuple[str, ...]]:
    """(kind, class) of a workload's ops."""
    return [(start["k"], end["cl"]) for start, end in ops(folder) if start["w"] == workload]


fingerprint = Hasher(MASTER).fingerprint
