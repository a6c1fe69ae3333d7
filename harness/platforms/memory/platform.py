"""A platform that only remembers: for tests of what acts on platforms, and as the conformance suite's yardstick.

Time is not simulated: a member is ready `ready_after_s` after its start. A test may make a fault not be seen
(`unseen`, names of methods) and a member die by itself (`crash`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from harness.errors import EnvironmentFailure, FaultNotSeen
from harness.platforms.abilities import Hoppable
from harness.platforms.base import DEAD, Deployment, Member, Role, Slot, State
from harness.platforms.common.deploying import deploy_whole, wait_for_all
from harness.platforms.common.lock import check_run_id
from harness.platforms.common.members import MemberTable
from harness.platforms.common.ports import HOST


@dataclass
class _Row:
    name: str
    role: Role
    port: int | None
    boot: str | None
    held: bool = False
    state: State = "starting"
    begun: float = field(default_factory=time.monotonic)

    def member(self) -> Member:
        return Member(self.name, self.role, HOST, self.port, self.boot, self.state, self.held)


@dataclass
class Target:
    """What is there of one run, and stays there when its platform object is gone. `cut`: who is off the network."""

    members: MemberTable[_Row] = field(default_factory=MemberTable)
    cut: set[str] = field(default_factory=set)

    @property
    def living(self) -> list[str]:
        """The names of the living members."""
        return [row.name for row in self.members.all() if row.state not in DEAD]

    def state(self, name: str) -> State:
        """Return the state of a member; `gone` when there is none of that name."""
        row = self.members.rows.get(name)
        return "gone" if row is None else row.state


RUNS: dict[str, Target] = {}
"""By the id of a run what is there of it."""


class MemoryPlatform(Hoppable):
    """A `Platform`; is `Admitting`, `Pausable` and `Disconnectable`.

    What a test puts into `withheld`, with a reason, is not offered.
    """

    name = "memory"

    def __init__(self, ready_after_s: float = 0.0) -> None:
        self.ready_after_s = ready_after_s
        self.withheld: dict[type, str] = {}
        self.unseen: set[str] = set()
        self._deployment: Deployment | None = None
        self._target = Target()
        self._logs: dict[str, list[str]] = {}
        self.renewed: dict[Role, dict[str, str]] = {}

    def withholds(self, ability: type) -> str | None:
        return self.withheld.get(ability)

    def missing(self) -> list[str]:
        return []

    def deploy(self, deployment: Deployment) -> None:
        """Call the launchers, run nothing. A program whose command is empty fails."""
        deploy_whole(deployment, self._deployment is not None, self._bring_up, self.tear_down)

    def _bring_up(self, deployment: Deployment) -> None:
        self._deployment = deployment
        RUNS[check_run_id(deployment.run_id)] = self._target
        members = [self.start("replica") for _ in range(deployment.replicas)]
        members += [self.start("worker") for _ in range(deployment.workers)]

        def late(name: str) -> EnvironmentFailure:
            lines = f"  log, its last lines:\n    {self.log_tail(name)}"
            return EnvironmentFailure(f"{name} did not come up: not ready within {deployment.deadline_s:g} s\n{lines}")

        until = time.monotonic() + deployment.deadline_s
        wait_for_all({each.name: partial(self.ready, each) for each in members}, until, late=late, poll_s=0.005)

    def balancer(self) -> tuple[str, int]:
        return HOST, 1

    def members(self) -> list[Member]:
        with self._target.members.lock:
            return [row.member() for row in self._target.members.all()]

    def start(self, role: Role, held: bool = False) -> Member:
        deployment = self._deployment
        if deployment is None:
            raise EnvironmentFailure("the memory platform was asked before anything was deployed")
        name = self._target.members.new_name(role)
        launcher = deployment.replica if role == "replica" else deployment.worker
        if launcher is None:
            raise EnvironmentFailure(f"the contract names no command for a {role}")
        port = 10_000 + int(name.rpartition("-")[2]) if role == "replica" else None
        program = launcher(Slot(name, HOST, port, f"redis://{HOST}:1/0", f"http://{HOST}:1"))
        if not program.command:
            raise EnvironmentFailure(f"{name} cannot be started: its command is empty")
        renewed = " ".join(f"{key}={text}" for key, text in self.renewed.get(role, {}).items())
        self._logs[name] = [f"up as {name} {renewed}".rstrip()]
        row = _Row(name, role, port, name, held)
        self._target.members.add(row)
        return row.member()

    def admit(self, names: Sequence[str]) -> None:
        for name in names:
            self._target.members.find(name).held = False

    def renew(self, role: Role, environment: Mapping[str, str]) -> None:
        self.renewed[role] = {**self.renewed.get(role, {}), **environment}

    def crash(self, name: str) -> None:
        """Let the member die by itself."""
        self._target.members.move(self._target.members.find(name), "gone")

    def kill(self, name: str) -> str:
        return self._do(MemoryPlatform.kill, name, "killed")

    def stop(self, name: str, grace_s: float) -> str:
        self._target.members.move(self._target.members.find(name), "stopping")
        return self._do(MemoryPlatform.stop, name, "gone")

    def pause(self, name: str) -> str:
        return self._do(MemoryPlatform.pause, name, "paused")

    def resume(self, name: str) -> str:
        return self._do(MemoryPlatform.resume, name, "unready")

    def cut(self, name: str) -> str:
        seen = self._do(MemoryPlatform.cut, name, "unready")
        self._target.cut.add(name)
        return seen

    def mend(self, name: str) -> str:
        seen = self._do(MemoryPlatform.mend, name, "unready")
        self._target.cut.discard(name)
        return seen

    def _do(self, method: Callable[..., object], name: str, after: State) -> str:
        def action(row: _Row) -> str:
            if method.__name__ in self.unseen:
                raise FaultNotSeen(f"{name}: {method.__name__} was not seen")
            return f"{name} is {after}"

        row = self._target.members.find(name)
        return self._target.members.act(name, row.state, after, action)

    def ready(self, member: Member) -> bool:
        def ask(row: _Row) -> tuple[bool, str | None]:
            is_up = row.state == "ready" or time.monotonic() - row.begun >= self.ready_after_s
            return is_up and row.name not in self._target.cut, None

        return self._target.members.poll(member.name, ask)

    def failures(self) -> list[str]:
        return []

    def problems(self) -> list[str]:
        return []

    def log_tail(self, name: str, lines: int = 20) -> str:
        return "\n".join(self._logs.get(name, [])[-lines:])

    def tear_down(self) -> None:
        for row in self._target.members.all():
            self._target.members.move(row, "gone")

    def runs(self) -> dict[str, bool]:
        return {run_id: False for run_id, left in RUNS.items() if left.living}

    def leftovers(self, run_id: str) -> list[str]:
        return RUNS.get(run_id, Target()).living

    def remove(self, run_id: str) -> list[str]:
        return RUNS.pop(run_id, Target()).living

    # -- what a dead run left, undone

    def thaw_left(self, run_id: str, name: str, handle: str) -> str:
        left = RUNS[run_id]
        if left.state(name) == "paused":
            left.members.move(left.members.find(name), "unready")
        return f"{name} is {left.state(name)}"

    def mend_left(self, run_id: str, name: str, handle: str) -> str:
        RUNS[run_id].cut.discard(name)
        return f"{name} is reached again"

    def scale_left(self, run_id: str, role: Role, count: int) -> str:
        left = RUNS[run_id]
        mine = [name for name in left.living if name.startswith(role)]
        for name in mine[count:]:
            left.members.move(left.members.find(name), "gone")
        for _ in range(count - len(mine)):
            left.members.add(_Row(left.members.new_name(role), role, None, None))
        return f"{count} {role}s are there"
