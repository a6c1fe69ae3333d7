"""A platform that only remembers: for tests of what acts on platforms, and as the conformance suite's yardstick.

Time is not simulated: a member is ready `ready_after_s` after its start. A test may make a fault not be seen
(`unseen`, names of methods) and a member die by itself (`crash`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.errors import EnvironmentFailure, FaultNotSeen
from harness.platforms.abilities import Hoppable
from harness.platforms.base import DEAD, POLLED, Deployment, Member, Role, Slot, State
from harness.platforms.common.lock import check_run_id


@dataclass
class _Target:
    """What is there of one run, and stays there when its platform object is gone."""

    states: dict[str, State] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)


_RUNS: dict[str, _Target] = {}


class MemoryPlatform(Hoppable):
    """A `Platform`; is `Admitting`, `Pausable` and `Disconnectable`.

    What a test puts into `withheld`, with a reason, is not offered.
    """

    name = "memory"

    def __init__(self, ready_after_s: float = 0.0) -> None:
        self.ready_after_s = ready_after_s
        self.withheld: dict[type, str] = {}
        self.unseen: set[str] = set()
        self._lock = threading.RLock()
        self._deployment: Deployment | None = None
        self._members: dict[str, Member] = {}
        self._begun: dict[str, float] = {}
        self._logs: dict[str, list[str]] = {}
        self._numbers: dict[str, int] = {}
        self.renewed: dict[Role, dict[str, str]] = {}

    def withholds(self, ability: type) -> str | None:
        return self.withheld.get(ability)

    def missing(self) -> list[str]:
        return []

    def deploy(self, deployment: Deployment) -> None:
        """The launchers are called, their programs are not run; one whose command is empty fails."""
        self._deployment = deployment
        _RUNS[check_run_id(deployment.run_id)] = _Target()
        try:
            members = [self.start("replica") for _ in range(deployment.replicas)]
            members += [self.start("worker") for _ in range(deployment.workers)]
            until = time.monotonic() + deployment.deadline_s
            for member in members:
                while not self.ready(member):
                    if time.monotonic() > until:
                        raise EnvironmentFailure(
                            f"{member.name} did not come up: not ready within {deployment.deadline_s:g} s\n"
                            f"  log, its last lines:\n    {self.log_tail(member.name)}"
                        )
                    time.sleep(0.005)
        except BaseException:
            self.tear_down()
            raise

    def balancer(self) -> tuple[str, int]:
        return "127.0.0.1", 1

    def members(self) -> list[Member]:
        with self._lock:
            return list(self._members.values())

    def start(self, role: Role, held: bool = False) -> Member:
        with self._lock:
            deployment = self._deployment
            if deployment is None:
                raise EnvironmentFailure("the memory platform was asked before anything was deployed")
            number = self._numbers[role] = self._numbers.get(role, 0) + 1
            name = f"{role}-{number}"
            port = 10_000 + number if role == "replica" else None
            launcher = deployment.replica if role == "replica" else deployment.worker
            if launcher is None:
                raise EnvironmentFailure(f"the contract names no command for a {role}")
            program = launcher(Slot(name, "127.0.0.1", port, "redis://127.0.0.1:1/0", "http://127.0.0.1:1"))
            if not program.command:
                raise EnvironmentFailure(f"{name} cannot be started: its command is empty")
            self._members[name] = member = Member(name, role, "127.0.0.1", port, name, "starting", held)
            self._begun[name] = time.monotonic()
            renewed = " ".join(f"{key}={text}" for key, text in self.renewed.get(role, {}).items())
            self._logs[name] = [f"up as {name} {renewed}".rstrip()]
            _RUNS[deployment.run_id].states[name] = member.state
            return member

    def admit(self, names: Sequence[str]) -> None:
        with self._lock:
            for name in names:
                self._members[name] = replace(self._living(name), held=False)

    def renew(self, role: Role, environment: Mapping[str, str]) -> None:
        with self._lock:
            self.renewed[role] = {**self.renewed.get(role, {}), **environment}

    def crash(self, name: str) -> None:
        """The member dies by itself."""
        self._set(name, "gone")

    def kill(self, name: str) -> str:
        return self._do(MemoryPlatform.kill.__name__, name, "killed")

    def stop(self, name: str, grace_s: float) -> str:
        self._living(name)
        self._set(name, "stopping")
        return self._do(MemoryPlatform.stop.__name__, name, "gone")

    def pause(self, name: str) -> str:
        return self._do(MemoryPlatform.pause.__name__, name, "paused")

    def resume(self, name: str) -> str:
        return self._do(MemoryPlatform.resume.__name__, name, "unready")

    def cut(self, name: str) -> str:
        seen = self._do(MemoryPlatform.cut.__name__, name, "unready")
        self._there.cut.add(name)
        return seen

    def mend(self, name: str) -> str:
        seen = self._do(MemoryPlatform.mend.__name__, name, "unready")
        self._there.cut.discard(name)
        return seen

    def _do(self, what: str, name: str, after: State) -> str:
        self._living(name)
        if what in self.unseen:
            raise FaultNotSeen(f"{name}: {what} was not seen")
        self._set(name, after)
        return f"{name} is {after}"

    def _living(self, name: str) -> Member:
        with self._lock:
            member = self._members.get(name)
        if member is None:
            raise FaultNotSeen(f"there is no member {name}")
        if member.state in DEAD:
            raise FaultNotSeen(f"{name} is dead already ({member.state})")
        return member

    def _set(self, name: str, state: State) -> None:
        with self._lock:
            self._members[name] = replace(self._members[name], state=state)
            if state in DEAD:
                self._there.states.pop(name, None)
            else:
                self._there.states[name] = state

    @property
    def _there(self) -> _Target:
        return _RUNS.get(self._deployment.run_id, _Target()) if self._deployment else _Target()

    def ready(self, member: Member) -> bool:
        with self._lock:
            now = self._members[member.name]
            if now.state not in POLLED or member.name in self._there.cut:
                return False
            if time.monotonic() - self._begun[member.name] < self.ready_after_s:
                return False
            self._set(member.name, "ready")
            return True

    def failures(self) -> list[str]:
        return []

    def problems(self) -> list[str]:
        return []

    def log_tail(self, name: str, lines: int = 20) -> str:
        return "\n".join(self._logs.get(name, [])[-lines:])

    def tear_down(self) -> None:
        with self._lock:
            for member in list(self._members.values()):
                if member.state not in DEAD:
                    self._set(member.name, "gone")

    def runs(self) -> dict[str, bool]:
        return {run_id: False for run_id, left in _RUNS.items() if left.states}

    def leftovers(self, run_id: str) -> list[str]:
        return list(_RUNS.get(run_id, _Target()).states)

    def remove(self, run_id: str) -> list[str]:
        return list(_RUNS.pop(run_id, _Target()).states)

    # -- what a dead run left, undone

    def thaw_left(self, run_id: str, name: str, handle: str) -> str:
        states = _RUNS[run_id].states
        if states.get(name) == "paused":
            states[name] = "unready"
        return f"{name} is {states.get(name, 'not there any more')}"

    def mend_left(self, run_id: str, name: str, handle: str) -> str:
        _RUNS[run_id].cut.discard(name)
        return f"{name} is reached again"

    def scale_left(self, run_id: str, role: Role, count: int) -> str:
        states = _RUNS[run_id].states
        mine = [name for name in states if name.startswith(role)]
        for name in mine[count:]:
            del states[name]
        states.update({f"{role}-{1000 + extra}": "ready" for extra in range(count - len(mine))})
        return f"{count} {role}s are there"
