"""What exists of one run on the Docker engine: its parts, its members, and how another member is made."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

import docker

from harness.contract.start import Compose
from harness.errors import EnvironmentFailure
from harness.platforms.base import Deployment, Member, Role, State
from harness.platforms.common.members import MemberTable
from harness.platforms.common.ports import Ports
from harness.platforms.docker import clone, log_files
from harness.platforms.docker.actions import ContainerActions
from harness.platforms.docker.clone import Inspected
from harness.platforms.docker.engine import LABEL
from harness.platforms.docker.event_watch import Watch
from harness.platforms.docker.readiness import Probed, ReadinessProbe
from harness.redact import redact_command


@dataclass
class Entry(Probed):
    """One replica or worker. `container` is empty until it has been created, `begun` set once that was tried."""

    state: State = "starting"
    held: bool = False
    cut: bool = False
    been_ready: bool = False
    container: str = ""
    inspected: Inspected = field(default_factory=dict)
    begun: threading.Event = field(default_factory=threading.Event)

    def member(self) -> Member:
        where = self.host, self.port
        return Member(self.name, self.role, *where, self.boot, self.state, self.held, handle=self.container)

    def is_of(self, run_id: str) -> bool:
        """Say whether the run made the container. One of a project that ran before was not made by it."""
        return bool(self.inspected["Config"]["Labels"].get(LABEL) == run_id)


@dataclass
class Up:
    """What exists once a deployment has begun."""

    deployment: Deployment
    compose: Compose
    api: docker.APIClient
    locks: ExitStack
    ports: Ports
    port: int
    front: str | None
    watch: Watch
    probe: ReadinessProbe
    actions: ContainerActions
    parts: dict[str, str] = field(default_factory=dict)
    templates: dict[str, Inspected] = field(default_factory=dict)
    renewed: dict[str, dict[str, str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    whole: bool = False
    members: MemberTable[Entry] = field(init=False)

    def __post_init__(self) -> None:
        self.members = MemberTable(self._has_ended)

    def _has_ended(self, entry: Entry) -> bool:
        return bool(entry.container) and self.watch.exit(entry.container) is not None

    def new(self, role: Role) -> Entry:
        """Take in a member to come, with a number that none of its role had before."""
        name = self.members.new_name(role)
        port = self.compose.port if role == "replica" else None
        entry = Entry(name, role, port, None if self.deployment.boot_header and port else name)
        self.members.add(entry)
        return entry

    def began(self, entry: Entry, container: str) -> None:
        """Note that the container of a member runs."""
        entry.inspected = self.api.inspect_container(container)
        entry.host = clone.address(entry.inspected, self.front)
        entry.begun_ns = time.monotonic_ns()
        entry.container = container
        entry.begun.set()

    def failure(self, entry: Entry, what: str) -> EnvironmentFailure:
        """Return the error that says that a member did not come up, with all that helps to find out why."""
        asked = f" ({entry.said})" if entry.role == "replica" else ""
        environment = self.deployment.environment.get(entry.role, {})
        lines = log_files.last_lines(self.api, entry.container, environment=environment).splitlines()
        shown = "\n".join(f"    {line}" for line in lines) or "    (it wrote nothing)"
        config = entry.inspected["Config"]
        command = [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
        return EnvironmentFailure(
            f"{entry.name} did not come up: {what}{asked}\n"
            f"  image: {config['Image']}, command: {redact_command(command, environment)}\n"
            f"  log: {self.deployment.logs}/{entry.name}.log, its last lines:\n{shown}\n"
            f"  Remedy: correct what the log complains about, {self.compose.file}, or the start part of the contract."
        )
