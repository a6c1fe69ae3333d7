"""The target as plain processes on 127.0.0.1: store, ledger, balancer, replicas and workers, one process each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial

from harness.errors import EnvironmentFailure
from harness.platforms.abilities import Hoppable, Sticky
from harness.platforms.base import Deployment, Member, Program, Role, Slot, Standing, State
from harness.platforms.common import http_probe, procfs
from harness.platforms.common.deploying import deploy_whole, wait_for_all
from harness.platforms.common.lock import hold_name
from harness.platforms.common.log_tail import tail
from harness.platforms.common.ports import HOST, Ports
from harness.platforms.process import leftovers, requirements
from harness.platforms.process.children import Child, end_all
from harness.platforms.process.description import PROCESS
from harness.platforms.process.parts import PARTS
from harness.platforms.process.state import Entry, Up
from harness.redact import redact_patterns
from harness.signals import uninterrupted

_POLL_S = 0.02
_WORKER_SETTLED_S = 0.3
_DEAD_KEPT = 64


class ProcessPlatform(Hoppable, Sticky):
    """A `Platform`; begins members of any version, held back or not (`Admitting`), and is `Pausable`.

    For dead runs the platform is `Thawer`.
    """

    name = PROCESS.name

    def __init__(self) -> None:
        self._up: Up | None = None
        self._closing = False

    # -- deploying

    missing = staticmethod(requirements.missing)

    def deploy(self, deployment: Deployment) -> None:
        """Bring the target up: the parts beside the members first, then all replicas and workers together.

        Raises:
            EnvironmentFailure: Something did not come up; then nothing is left.
        """
        deploy_whole(deployment, self._up is not None, self._bring_up, self.tear_down)

    def _bring_up(self, deployment: Deployment) -> None:
        until = time.monotonic() + deployment.deadline_s
        with uninterrupted(), ExitStack() as locks:
            locks.enter_context(hold_name(deployment.run_id))
            deployment.logs.mkdir(parents=True, exist_ok=True)
            directory = leftovers.make_work_directory(deployment.run_id)
            self._up = up = Up(deployment, directory, Ports(), locks.pop_all())
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

    @staticmethod
    def _start_parts(up: Up) -> dict[str, Callable[[], bool]]:
        environment = {"HARNESS_RUN": up.deployment.run_id, "LEDGER_CONTROL": up.control}
        checks = {}
        for make in PARTS:
            part = make(up)
            up.parts[part.name] = Child(part.name, part.command, environment, part.directory, up.log(part.name))
            checks[part.name] = part.answers
        return checks

    def _await(self, up: Up, checks: dict[str, Callable[[], bool]], until: float) -> None:
        def look(waiting: list[str]) -> None:
            for name in waiting:
                self._raise_if_dead(up, name)

        def late(name: str) -> EnvironmentFailure:
            return self._failure(up, name, f"not ready within {up.deployment.deadline_s:g} s")

        wait_for_all(checks, until, late=late, look=look, poll_s=_POLL_S)

    def _raise_if_dead(self, up: Up, name: str) -> None:
        status = up.child(name).status()
        if status is not None:
            raise self._failure(up, name, f"exited with status {status} before it was ready")

    def _failure(self, up: Up, name: str, what: str) -> EnvironmentFailure:
        child = up.child(name)
        entry = up.members.rows.get(name)
        asked = f" ({entry.said})" if entry and entry.role == "replica" else ""
        last = "\n".join(f"    {line}" for line in child.last_lines().splitlines()) or "    (it wrote nothing)"
        return EnvironmentFailure(
            f"{name} did not come up: {what}{asked}\n  command: {child.shown_command}\n"
            f"  log: {child.log}, its last lines:\n{last}\n"
            "  Remedy: correct what the log complains about, or the start part of the contract."
        )

    # -- members

    def balancer(self) -> tuple[str, int]:
        up = self._deployed()
        assert up.balancer is not None
        return HOST, up.balancer.port

    def ledger(self) -> tuple[str, str]:
        """Return the URL of the ledger, and the token that its control asks for."""
        up = self._deployed()
        return up.ledger_url, up.control

    def members(self) -> list[Member]:
        up = self._up
        if up is None:
            return []
        with up.members.lock:
            return [entry.member() for entry in up.members.all()]

    def start(self, role: Role, held: bool = False) -> Member:
        up = self._deployed()
        name = up.members.new_name(role)
        self._forget_dead(up)
        port = up.ports.take() if role == "replica" else None
        program = self._program(up, role, Slot(name, HOST, port, up.store_url, up.ledger_url))
        environment = {**program.environment, **up.renewed.get(role, {}), "HARNESS_RUN": up.deployment.run_id}
        child = Child(name, program.command, environment, up.deployment.directory, up.log(name))
        entry = Entry(name, role, port, child, boot=None if up.deployment.boot_header and port else name, held=held)
        with up.members.lock:
            up.members.add(entry)
            closing = self._closing
        if closing:
            child.end()
            raise EnvironmentFailure(f"{name} was begun while the run was being torn down; it was ended")
        return entry.member()

    def admit(self, names: Sequence[str]) -> None:
        for name in names:
            entry = self._deployed().members.find(name)
            entry.held = False
            if not self._balanced(entry):
                raise EnvironmentFailure(f"{name} cannot be given requests: {entry.said}")

    def renew(self, role: Role, environment: Mapping[str, str]) -> None:
        renewed = self._deployed().renewed
        renewed[role] = {**renewed.get(role, {}), **environment}

    @staticmethod
    def _program(up: Up, role: Role, slot: Slot) -> Program:
        launcher = up.deployment.replica if role == "replica" else up.deployment.worker
        if launcher is None:
            raise EnvironmentFailure(f"the contract names no command for a {role}: name one, or ask for none")
        return launcher(slot)

    def _forget_dead(self, up: Up) -> None:
        """Keep the last few dead members, drop the older ones, and take all dead ones out of the balancer."""
        dead = up.members.dead()
        up.members.forget(dead[:-_DEAD_KEPT])
        for entry in dead:
            if entry.balanced and up.balancer is not None:
                with suppress(EnvironmentFailure):
                    entry.balanced = not up.balancer.forget(entry.name)

    def ready(self, member: Member) -> bool:
        return self._deployed().members.poll(member.name, self._is_ready)

    def _is_ready(self, entry: Entry) -> tuple[bool, str | None]:
        if entry.port is None:
            return time.monotonic_ns() - entry.child.begun_ns > _WORKER_SETTLED_S * 1e9, None
        is_ready, boot = self._ask(entry, entry.port)
        return (is_ready, boot) if not is_ready or self._balanced(entry) else (False, None)

    def _ask(self, entry: Entry, port: int) -> tuple[bool, str | None]:
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

    def _balanced(self, entry: Entry) -> bool:
        """Say whether the balancer knows the member: it is told when the member is first ready, and not before."""
        up = self._deployed()
        if entry.port is None or entry.balanced or entry.held or up.balancer is None:
            return True
        with up.members.lock:
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
        return self._deployed().members.act(name, during, after, lambda entry: action(entry.child))

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
        with up.members.lock:
            known = name in up.parts or name in up.members.rows
            if known:
                return up.child(name).last_lines(lines)
            return redact_patterns(tail(up.log(name), lines))

    # -- the end

    def tear_down(self) -> None:
        """Ask the members to end, give them a moment, end the rest; then look for what is left.

        Raises:
            EnvironmentFailure: Naming what is still there.
        """
        up = self._up
        if up is None:
            return
        with up.members.lock:
            self._closing = True
            members = [entry.child for entry in up.members.rows.values()]
            names = {*up.parts, *up.members.names_given()}
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
        up.locks.close()
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

    def _deployed(self) -> Up:
        if self._up is None:
            raise EnvironmentFailure("the process platform was asked before anything was deployed")
        return self._up
