"""What exists of one run as processes: its parts, its members, and where they are reached."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from harness.platforms.base import Deployment, Member, Role, State
from harness.platforms.common.members import MemberTable
from harness.platforms.common.ports import HOST, Ports
from harness.platforms.process.children import Child
from harness.platforms.process.haproxy import Balancer


@dataclass
class Entry:
    """One replica or worker. `said` is what came of the last question, for error texts."""

    name: str
    role: Role
    port: int | None
    child: Child
    state: State = "starting"
    boot: str | None = None
    balanced: bool = False
    healthy: bool = False
    held: bool = False
    said: str = "not asked yet"

    def member(self) -> Member:
        """Return the entry as the rest of the harness knows it."""
        return Member(self.name, self.role, HOST, self.port, self.boot, self.state, self.held)


def _has_exited(entry: Entry) -> bool:
    return entry.child.status() is not None


@dataclass
class Up:
    """What exists once a deployment has begun.

    Attributes:
        directory: The work directory of the run; gone with it.
        ports: The ports of the run.
        locks: The name that the run holds.
        control: The token that the ledger's control asks for.
        parts: The processes beside the members, by name.
        renewed: By role the variables that members of a new version get.
    """

    deployment: Deployment
    directory: Path
    ports: Ports
    locks: ExitStack
    control: str = field(default_factory=lambda: secrets.token_hex(16))
    parts: dict[str, Child] = field(default_factory=dict)
    members: MemberTable[Entry] = field(default_factory=lambda: MemberTable(_has_exited))
    renewed: dict[Role, dict[str, str]] = field(default_factory=dict)
    store_url: str = ""
    ledger_url: str = ""
    balancer: Balancer | None = None

    def log(self, name: str) -> Path:
        """Return the file that has the log of a part or member."""
        return self.deployment.logs / f"{name}.log"

    def child(self, name: str) -> Child:
        """Return the process of a part or member that is there."""
        return self.parts[name] if name in self.parts else self.members.rows[name].child
