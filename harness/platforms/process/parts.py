"""What is started beside the members, each part by one function of `PARTS`, in this order and before any member.

To add a part: one function here, one line in `PARTS`. `Up.parts` then has its process, which is watched, logged and
ended like the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.platforms.common import ledger_program
from harness.platforms.common.ports import HOST
from harness.platforms.process import valkey
from harness.platforms.process.haproxy import Balancer
from harness.platforms.process.state import Up


@dataclass(frozen=True)
class Part:
    """A program beside the members. `answers` says whether it serves."""

    name: str
    command: list[str]
    directory: Path
    answers: Callable[[], bool]


def _store(up: Up) -> Part:
    data = up.directory / "store"
    data.mkdir()
    port = up.ports.take()
    up.store_url = f"redis://{HOST}:{port}/0"
    return Part("store", valkey.command(valkey.binary(), port, data), data, lambda: valkey.answers(port))


def _balancer(up: Up) -> Part:
    made = Balancer(up.directory, up.ports.take(), up.deployment.ready, up.deployment.sticky_cookie)
    up.balancer = made
    return Part("balancer", made.command(), up.directory, made.answers)


def _ledger(up: Up) -> Part:
    port = up.ports.take()
    up.ledger_url = f"http://{HOST}:{port}"
    command = ledger_program.command(up.deployment, port)
    return Part("ledger", command, ledger_program.DIRECTORY, lambda: ledger_program.answers(port))


PARTS: list[Callable[[Up], Part]] = [_store, _balancer, _ledger]
