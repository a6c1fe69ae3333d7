"""The target as plain processes on 127.0.0.1: store, ledger, balancer, replicas and workers, one process each."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from harness.errors import EnvironmentFailure, FaultNotSeen
from harness.platforms.abilities import Hoppable, Sticky
from harness.platforms.base import DEAD, LIVING, POLLED, Deployment, Member, Program, Role, Slot, Standing, State
from harness.platforms.common import http_probe, ledger_program, procfs
from harness.platforms.common.lock import hold_name
from harness.platforms.common.ports import HOST, Ports
from harness.platforms.process import leftovers, requirements, valkey
from harness.platforms.process.children import Child, end_all, tail
from harness.platforms.process.description import PROCESS
from harness.platforms.process.haproxy import Balancer
from harness.redact import redact_patterns
from harness.signals import uninterrupted

_POLL_S = 0.02
_WORKER_SETTLED_S = 0.3
_DEAD_KEPT = 64


@dataclass
class _Entry:
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
        return Member(self.name, self.role, HOST, self.port, self.boot, self.state, self.held)


@dataclass
class _Up:
    """What exists once a deployment has begun."""

    deployment: Deployment
    directory: Path
    ports: Ports
    held: ExitStack
    control: str = field(default_factory=lambda: secrets.token_hex(16))
    parts: dict[str, Child] = field(default_factory=dict)
    entries: dict[str, _Entry] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    renewed: dict[Role, dict[str, str]] = field(default_factory=dict)
    store_url: str = ""
    ledger_url: str = ""
    balancer: Balancer | None = None


class ProcessPlatform(Hoppable, Sticky):
    """A `Platform`; begins members of any version, held back or not (`Admitting`), and is `Pausable`."""

    name = PROCESS.name

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._up: _Up | None = None
        self._closing = False

    # -- deploying

    missing = staticmethod(requirements.missing)

    def deploy(self, deployment: Deployment) -> None:
        """Store and ledger are up before the first replica begins; all replicas and workers begin together."""
        if self._up is not None:
            raise EnvironmentFailure(f"run {deployment.run_id}: this platform object has deployed already")
        try:
            self._bring_up(deployment)
        except BaseException as error:
            try:
                self.tear_down()
            except EnvironmentFailure as also:
                error.add_note(str(also))
            raise

    def _bring_up(self, deployment: Deployment) -> None:
        until = time.monotonic() + deployment.deadline_s
        with uninterrupted(), ExitStack() as held:
            held.enter_context(hold_name(deployment.run_id))
            deployment.logs.mkdir(parents=True, exist_ok=True)
            directory = leftovers.make_work_directory(deployment.run_id)
            self._up = up = _Up(deployment, directory, Ports(), held.pop_all())
        with uninterrupted():
            checks = self._start_parts(up)
        self._await(up, checks, until)
        with uninterrupted():
            members = [self.start("replica") for _ in range(deployment.replicas)]
            members += [self.start("worker") for _ in range(deployment.workers)]
        self._await(up, {member.name: partial(self.ready, member) for member in members}, until)
        # A worker has nothing to be asked: one that dies of its first steps shows by now.
        for member in members:
            self._raise_if_dead(up, member.name)

    def _start_parts(self, up: _Up) -> dict[str, Callable[[], bool]]:
        data = up.directory / "store"
        data.mkdir()
        store, ledger = up.ports.take(), up.ports.take()
        up.balancer = Balancer(up.directory, up.ports.take(), up.deployment.ready, up.deployment.sticky_cookie)
        up.store_url, up.ledger_url = f"redis://{HOST}:{store}/0", f"http://{HOST}:{ledger}"
        self._part(up, "store", valkey.command(valkey.binary(), store, data), data)
        self._part(up, "balancer", up.balancer.command(), up.directory)
        self._part(up, "ledger", ledger_program.command(up.deployment, ledger), ledger_program.DIRECTORY)
        return {
            "store": lambda: valkey.answers(store),
            "balancer": up.balancer.answers,
            "ledger": lambda: ledger_program.answers(ledger),
        }

    def _part(self, up: _Up, name: str, command: list[str], directory: Path) -> None:
        environment = {"HARNESS_RUN": up.deployment.run_id, "LEDGER_CONTROL": up.control}
        up.parts[name] = Child(name, command, environment, directory, self._log(up, name))

    def _await(self, up: _Up, checks: dict[str, Callable[[], bool]], until: float) -> None:
        waiting = dict(checks)
        with ThreadPoolExecutor(min(16, max(1, len(checks))), "deploy") as pool:
            while waiting:
                asked = {name: pool.submit(check) for name, check in waiting.items()}
                for name, answer in asked.items():
                    if answer.result():
                        del waiting[name]
                for name in waiting:
                    self._raise_if_dead(up, name)
                if waiting and time.monotonic() > until:
                    raise self._failure(up, next(iter(waiting)), f"not ready within {up.deployment.deadline_s:g} s")
                if waiting:
                    time.sleep(_POLL_S)

    def _raise_if_dead(self, up: _Up, name: str) -> None:
        status = self._child(up, name).status()
        if status is not None:
            raise self._failure(up, name, f"exited with status {status} before it was ready")

    def _failure(self, up: _Up, name: str, what: str) -> EnvironmentFailure:
        child = self._child(up, name)
        entry = up.entries.get(name)
        asked = f" ({entry.said})" if entry and entry.role == "replica" else ""
        last = "\n".join(f"    {line}" for line in child.last_lines().splitlines()) or "    (it wrote nothing)"
        return EnvironmentFailure(
            f"{name} did not come up: {what}{asked}\n  command: {child.redact_command}\n"
            f"  log: {child.log}, its last lines:\n{last}\n"
            "  Remedy: correct what the log complains about, or the start part of the contract."
        )

    # -- members

    def balancer(self) -> tuple[str, int]:
        up = self._deployed()
        assert up.balancer is not None
        return HOST, up.balancer.port

    def ledger(self) -> tuple[str, str]:
        """URL of the ledger and the token its control asks for."""
        up = self._deployed()
        return up.ledger_url, up.control

    def members(self) -> list[Member]:
        up = self._up
        if up is None:
            return []
        with self._lock:
            for entry in up.entries.values():
                self._look(entry)
            return [entry.member() for entry in up.entries.values()]

    def start(self, role: Role, held: bool = False) -> Member:
        up = self._deployed()
        with self._lock:
            number = up.numbers[role] = up.numbers.get(role, 0) + 1
        self._forget_dead(up)
        name = f"{role}-{number}"
        port = up.ports.take() if role == "replica" else None
        program = self._program(up, role, Slot(name, HOST, port, up.store_url, up.ledger_url))
        environment = {**program.environment, **up.renewed.get(role, {}), "HARNESS_RUN": up.deployment.run_id}
        child = Child(name, program.command, environment, up.deployment.directory, self._log(up, name))
        entry = _Entry(name, role, port, child, boot=None if up.deployment.boot_header and port else name, held=held)
        with self._lock:
            up.entries[name] = entry
            closing = self._closing
        if closing:
            child.end()
            raise EnvironmentFailure(f"{name} was begun while the run was being torn down; it was ended")
        return entry.member()

    def admit(self, names: Sequence[str]) -> None:
        for name in names:
            entry = self._entry(name)
            entry.held = False
            if not self._balanced(entry):
                raise EnvironmentFailure(f"{name} cannot be given requests: {entry.said}")

    def renew(self, role: Role, environment: Mapping[str, str]) -> None:
        renewed = self._deployed().renewed
        renewed[role] = {**renewed.get(role, {}), **environment}

    @staticmethod
    def _program(up: _Up, role: Role, slot: Slot) -> Program:
        launcher = up.deployment.replica if role == "replica" else up.deployment.worker
        if launcher is None:
            raise EnvironmentFailure(f"the contract names no command for a {role}: name one, or ask for none")
        return launcher(slot)

    def _forget_dead(self, up: _Up) -> None:
        """Keeps the last few dead members, drops the older, and takes all dead ones out of the balancer."""
        with self._lock:
            dead = [entry for entry in up.entries.values() if entry.state in DEAD]
            for entry in dead[:-_DEAD_KEPT]:
                del up.entries[entry.name]
        for entry in dead:
            if entry.balanced and up.balancer is not None:
                with suppress(EnvironmentFailure):
                    entry.balanced = not up.balancer.forget(entry.name)

    def ready(self, member: Member) -> bool:
        entry = self._entry(member.name)
        with self._lock:
            if self._look(entry) not in POLLED:
                return False
        if entry.port is None:
            is_ready, boot = time.monotonic_ns() - entry.child.begun_ns > _WORKER_SETTLED_S * 1e9, None
        else:
            is_ready, boot = self._ask(entry, entry.port)
        if is_ready and not self._balanced(entry):
            return False
        with self._lock:
            if self._look(entry) not in POLLED:
                return False
            if is_ready or entry.state == "ready":
                entry.state = "ready" if is_ready else "unready"
            entry.boot = boot or entry.boot
        return is_ready

    def _ask(self, entry: _Entry, port: int) -> tuple[bool, str | None]:
        deployment = self._deployed().deployment
        status, headers = http_probe.get(port, deployment.ready)
        entry.said = http_probe.said(deployment.ready, status)
        boot = headers.get(deployment.boot_header.lower()) if deployment.boot_header else None
        if not http_probe.is_good(status) or entry.healthy:
            return http_probe.is_good(status), boot
        # Once in its life: a service may be ready to be sent requests and yet say that it is not well.
        status, _ = http_probe.get(port, deployment.health)
        entry.healthy = http_probe.is_good(status)
        entry.said = http_probe.said(deployment.health, status)
        return entry.healthy, boot

    def _balanced(self, entry: _Entry) -> bool:
        """Whether the balancer knows it: told when it is first ready, so that no request finds it half up."""
        up = self._deployed()
        if entry.port is None or entry.balanced or entry.held or up.balancer is None:
            return True
        with self._lock:
            if entry.balanced:
                return True
            try:
                up.balancer.add(entry.name, entry.port)
            except EnvironmentFailure as error:
                entry.said = str(error)
                return False
            entry.balanced = True
            return True

    # -- what is done to a member

    def kill(self, name: str) -> str:
        return self._do(name, "killed", "killed", lambda child: child.kill())

    def stop(self, name: str, grace_s: float) -> str:
        return self._do(name, "stopping", "gone", lambda child: child.stop(grace_s))

    def pause(self, name: str) -> str:
        return self._do(name, "paused", "paused", lambda child: child.pause())

    def resume(self, name: str) -> str:
        return self._do(name, "paused", "unready", lambda child: child.resume())

    def _do(self, name: str, during: State, after: State, action: Callable[[Child], str]) -> str:
        entry = self._entry(name)
        with self._lock:
            before = self._look(entry)
            if before in DEAD:
                raise FaultNotSeen(f"{name} is dead already ({before})")
            entry.state = during
        try:
            seen = action(entry.child)
        except BaseException:
            with self._lock:
                entry.state = "gone" if entry.child.status() is not None else before
            raise
        with self._lock:
            entry.state = after
        return seen

    @staticmethod
    def _look(entry: _Entry) -> State:
        if entry.state in LIVING and entry.child.status() is not None:
            entry.state = "gone"
        return entry.state

    def failures(self) -> list[str]:
        up = self._up
        if up is None or self._closing:
            return []
        dead = [(name, child.status()) for name, child in up.parts.items()]
        return [
            f"{name} exited with status {status} during the run: {up.parts[name].last_lines(3)}"
            for name, status in dead
            if status is not None
        ]

    def problems(self) -> list[str]:
        return []

    def log_tail(self, name: str, lines: int = 20) -> str:
        up = self._deployed()
        with self._lock:
            known = name in up.parts or name in up.entries
            if known:
                return self._child(up, name).last_lines(lines)
            return redact_patterns(tail(self._log(up, name), lines))

    # -- the end

    def tear_down(self) -> None:
        """Asks the members to end, gives them a moment, ends the rest; then looks for what is left."""
        up = self._up
        if up is None:
            return
        with self._lock:
            self._closing = True
            members = [entry.child for entry in up.entries.values()]
            names = {
                *up.parts,
                *(f"{role}-{n + 1}" for role, last in up.numbers.items() for n in range(last)),
            }
        stuck = {**end_all(members), **end_all(list(up.parts.values()))}
        # What a member begot in a session of its own still carries its name.
        found = [process for process in procfs.of_runs(up.deployment.run_id) if process.name in names]
        strays = [process for process in found if process.pid not in stuck]
        left = [*stuck.values(), *(str(process) for process in strays if not procfs.end(process))]
        with suppress(OSError):
            leftovers.remove_work_directory(up.deployment.run_id)
        if up.directory.exists():
            left.append(f"directory {up.directory}")
        up.ports.release()
        up.held.close()
        if left:
            raise EnvironmentFailure(f"run {up.deployment.run_id}: still there after tear-down: {'; '.join(left)}")

    def runs(self) -> dict[str, Standing]:
        return leftovers.runs()

    def leftovers(self, run_id: str) -> list[str]:
        return leftovers.leftovers(run_id)

    def thaw_left(self, run_id: str, name: str, handle: str) -> str:
        return leftovers.thaw(run_id, name)

    def remove(self, run_id: str) -> list[str]:
        return leftovers.remove(run_id)

    # -- helpers

    def _deployed(self) -> _Up:
        if self._up is None:
            raise EnvironmentFailure("the process platform was asked before anything was deployed")
        return self._up

    def _entry(self, name: str) -> _Entry:
        with self._lock:
            entry = self._deployed().entries.get(name)
        if entry is None:
            raise FaultNotSeen(f"there is no member {name}")
        return entry

    @staticmethod
    def _child(up: _Up, name: str) -> Child:
        return up.parts[name] if name in up.parts else up.entries[name].child

    @staticmethod
    def _log(up: _Up, name: str) -> Path:
        return up.deployment.logs / f"{name}.log"
