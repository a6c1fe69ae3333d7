"""The target as a Compose project on the Docker engine of this machine.

Compose brings it up; from then on the harness acts through the engine: what it kills stays dead, and what replaces it
is a new container like the first. Load goes to the balancer's port, published on 127.0.0.1; each replica is asked at
the address of its own container. A replica is ready when it says so and the balancer has been seen to send to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from harness.contract.start import Compose
from harness.errors import EnvironmentFailure, FaultNotSeen
from harness.platforms.base import DEAD, LIVING, Deployment, Member, Role, Standing, State
from harness.platforms.common.compose_command import Model, Project, lacking
from harness.platforms.common.deploying import deploy_whole, wait_for_all
from harness.platforms.common.lock import hold_name
from harness.platforms.common.ports import HOST, Ports
from harness.platforms.docker import abandoned, attach, clone, found_state, log_files
from harness.platforms.docker.actions import ContainerActions
from harness.platforms.docker.compose import prepared
from harness.platforms.docker.description import DOCKER
from harness.platforms.docker.engine import LABEL, booted_s, connect, host, remove, standing, things, translated
from harness.platforms.docker.event_watch import Watch
from harness.platforms.docker.readiness import ReadinessProbe
from harness.platforms.docker.state import Entry, Up
from harness.signals import uninterrupted

_POLL_S = 0.05
_BEGIN_S = 20.0
_ADMIT_S = 20.0
_SETTLE_S = 0.4
_DEAD_KEPT = 32


class DockerPlatform:
    """A `Platform`; is `Admitting`, `Pausable`, `Disconnectable` and `Attachable`.

    For dead runs the platform is `Thawer` and `Mender`.
    It is not `Leased`: labels cannot be changed, so who does not see the name that a run holds leaves the run alone.
    """

    name = DOCKER.name

    def __init__(self) -> None:
        self._up: Up | None = None
        self._closing = False
        self._pool = ThreadPoolExecutor(4, "begin")

    def missing(self) -> list[str]:
        try:
            connect().close()
        except EnvironmentFailure as error:
            return [str(error)]
        return lacking()

    # -- deploying

    def deploy(self, deployment: Deployment) -> None:
        deploy_whole(deployment, self._up is not None, self._bring_up, self.tear_down)

    def _bring_up(self, deployment: Deployment) -> None:
        compose = deployment.compose
        if compose is None:
            raise EnvironmentFailure("the contract does not say how Compose starts the service: add start.compose")
        deployment.logs.mkdir(parents=True, exist_ok=True)
        if compose.attach is not None:
            with uninterrupted():
                self._up = attach.take(deployment, compose, compose.attach)
            self._await(self._up, time.monotonic() + deployment.deadline_s)
            self._up.whole = True
            return
        log = deployment.logs / "compose.log"
        api, ports = connect(), Ports()
        project = Project(deployment.run_id, deployment.directory, compose.file, host(), log)
        port = ports.take()
        model = prepared(project.resolve(), compose, deployment, port)
        with uninterrupted(), ExitStack() as locks:
            locks.enter_context(hold_name(deployment.run_id))
            watch = Watch(api, f"{LABEL}={deployment.run_id}", time.time() - 1)
            front = self._network(compose, model, project)
            probe, actions = ReadinessProbe(deployment, port), ContainerActions(api, watch, front)
            self._up = up = Up(deployment, compose, api, locks.pop_all(), ports, port, front, watch, probe, actions)
        project.build(model)
        until = time.monotonic() + deployment.deadline_s
        counts = {compose.replica: deployment.replicas}
        counts |= {compose.worker: deployment.workers} if compose.worker else {}
        try:
            project.up(model, counts, deployment.deadline_s)
        except EnvironmentFailure as error:
            raise EnvironmentFailure(f"{error}{log_files.logs_named_in(api, deployment, str(error))}") from error
        with translated("looking for the containers that Compose made"):
            self._collect(up)
        self._await(up, until)
        up.whole = True

    @staticmethod
    def _network(compose: Compose, model: Model, project: Project) -> str | None:
        if compose.front is None:
            return None
        declared = model["networks"][compose.front]
        return str(declared["name"]) if declared.get("external") else f"{project.name}_{compose.front}"

    def _collect(self, up: Up) -> None:
        roles: dict[str, Role] = {up.compose.replica: "replica"}
        if up.compose.worker:
            roles[up.compose.worker] = "worker"
        for service, container in log_files.containers(up.api, up.deployment.run_id):
            if service in roles:
                entry = up.new(roles[service])
                up.began(entry, container)
                up.templates.setdefault(entry.role, entry.inspected)
            else:
                up.parts[container] = service
        log_files.check_ledger(up.api, up.compose, up.parts)

    def _await(self, up: Up, until: float) -> None:
        checks = {entry.name: partial(self.ready, entry.member()) for entry in up.members.rows.values()}

        def look(_: list[str]) -> None:
            for entry in up.members.all():
                if entry.state in DEAD:
                    status = up.watch.exit(entry.container)
                    raise up.failure(entry, f"exited with status {status} before it was ready")
            if problems := self.failures() + self.problems():
                raise EnvironmentFailure("; ".join(problems))

        def late(name: str) -> EnvironmentFailure:
            return up.failure(up.members.find(name), f"not ready within {up.deployment.deadline_s:g} s")

        wait_for_all(checks, until, late=late, look=look, poll_s=_POLL_S)

    # -- members

    def balancer(self) -> tuple[str, int]:
        return HOST, self._deployed().port

    def members(self) -> list[Member]:
        up = self._up
        if up is None:
            return []
        with up.members.lock:
            return [entry.member() for entry in up.members.all()]

    def start(self, role: Role, held: bool = False) -> Member:
        """Begin a member and return it; its container is made in a thread.

        That takes a good part of a second, and several members may be wanted at once.

        Raises:
            EnvironmentFailure: No member of the role was deployed, of which another could be made, or it cannot be held
                back.
        """
        up = self._deployed()
        if role not in up.templates:
            raise EnvironmentFailure(f"no {role} was deployed, of which another could be made: deploy at least one")
        if held and (up.front is None or set(clone.networks(up.templates[role])) == {up.front}):
            raise EnvironmentFailure(
                f"a {role} cannot be held back from requests: the contract must name start.compose.front, the"
                " network of the balancer, and the service must be on another one as well"
            )
        with up.members.lock:
            if self._closing:
                raise EnvironmentFailure(f"a {role} was to be begun while the run was being torn down")
            entry = up.new(role)
            entry.held = held
            self._pool.submit(self._begin, up, entry, dict(up.renewed.get(role, {})))
        self._forget_dead(up)
        return entry.member()

    def _begin(self, up: Up, entry: Entry, added: Mapping[str, str]) -> None:
        try:
            with translated(f"{entry.name} cannot be started"):
                number, without = entry.member().number, up.front if entry.held else None
                made = clone.create(up.api, up.templates[entry.role], number, added, without)
                up.api.start(made)
                up.began(entry, made)
        except Exception as error:
            with up.members.lock:
                up.members.move(entry, "gone")
                if not self._closing:
                    up.problems.append(str(error))
        finally:
            entry.begun.set()

    def _forget_dead(self, up: Up) -> None:
        """Keep the last few dead members; of older ones keep the log, and the container if the run did not make it."""
        old = [entry for entry in up.members.dead() if entry.container][:-_DEAD_KEPT]
        up.members.forget(old)
        for entry in old:
            with suppress(EnvironmentFailure), translated(f"removing {entry.name}"):
                log_files.save_log(up.api, entry.container, up.deployment.logs / f"{entry.name}.log")
                if entry.is_of(up.deployment.run_id):
                    up.api.remove_container(entry.container, v=True)

    def admit(self, names: Sequence[str]) -> None:
        """Let requests go to these replicas, and return when the balancer has been seen to send some to all of them."""
        up, waiting = self._deployed(), [self._deployed().members.find(name) for name in names]
        for entry in waiting:
            with translated(f"{entry.name} cannot be given requests"):
                self._join(up, entry)
        until = time.monotonic() + _ADMIT_S
        while waiting := [entry for entry in waiting if not up.probe.is_shown(entry, len(up.members.rows))]:
            if time.monotonic() > until:
                raise EnvironmentFailure(f"{waiting[0].name} cannot be given requests: {waiting[0].said}")
            time.sleep(_POLL_S)

    def renew(self, role: Role, environment: Mapping[str, str]) -> None:
        renewed = self._deployed().renewed
        renewed[role] = {**renewed.get(role, {}), **environment}

    def ready(self, member: Member) -> bool:
        up = self._deployed()

        def ask(entry: Entry) -> tuple[bool, str | None]:
            with up.members.lock:
                others = sum(each.state in LIVING for each in up.members.rows.values())
            is_ready = entry.begun.is_set() and not entry.cut and up.probe.is_ready(entry)
            is_ready = is_ready and (entry.held or up.probe.is_shown(entry, others))
            entry.been_ready |= is_ready
            return is_ready, entry.boot

        return up.members.poll(member.name, ask)

    # -- what is done to a member

    def kill(self, name: str) -> str:
        def kill(up: Up, entry: Entry) -> str:
            found_state.note_ending(up, entry, 0)
            return up.actions.kill(name, entry.container)

        return self._do(name, "killed", "killed", kill)

    def stop(self, name: str, grace_s: float) -> str:
        def stop(up: Up, entry: Entry) -> str:
            signal = entry.inspected["Config"].get("StopSignal") or "SIGTERM"
            found_state.note_ending(up, entry, grace_s)
            return up.actions.stop(name, entry.container, signal, grace_s, entry.been_ready)

        return self._do(name, "stopping", "gone", stop)

    def pause(self, name: str) -> str:
        return self._do(name, "paused", "paused", lambda up, entry: up.actions.freeze(name, entry.container, True))

    def resume(self, name: str) -> str:
        return self._do(name, "paused", "unready", lambda up, entry: up.actions.freeze(name, entry.container, False))

    def cut(self, name: str) -> str:
        def cut(up: Up, entry: Entry) -> str:
            entry.cut = True
            return up.actions.leave(name, entry.container)

        return self._do(name, "unready", "unready", cut)

    def mend(self, name: str) -> str:
        return self._do(name, "unready", "unready", self._join)

    @staticmethod
    def _join(up: Up, entry: Entry) -> str:
        seen, entry.inspected = up.actions.join(entry.name, entry.container, up.templates[entry.role])
        entry.host = clone.address(entry.inspected, up.front)
        entry.shown, entry.shown_ns = False, time.monotonic_ns()
        entry.held = entry.cut = False
        return seen

    def _do(self, name: str, during: State, after: State, action: Callable[[Up, Entry], str]) -> str:
        up = self._deployed()
        if not up.members.find(name).begun.wait(_BEGIN_S):
            raise FaultNotSeen(f"{name} has not been created within {_BEGIN_S:g} s")

        def translated_action(entry: Entry) -> str:
            try:
                with translated(name):
                    seen = action(up, entry)
            except FaultNotSeen:
                raise
            except EnvironmentFailure as error:
                raise FaultNotSeen(str(error)) from error
            # What was shown before says nothing of what it is now.
            entry.shown, entry.shown_ns = False, time.monotonic_ns()
            return seen

        return up.members.act(name, during, after, translated_action)

    def failures(self) -> list[str]:
        up = self._up
        if up is None or self._closing:
            return []
        if up.watch.broken:
            return [f"the Docker engine is gone ({up.watch.broken}): start it again, then `harness recover`"]
        ended = [(service, container, up.watch.exit(container)) for container, service in up.parts.items()]
        # A service that only prepares something ends well, while the rest comes up.
        return [
            f"{service} exited with status {status} during the run: {log_files.last_lines(up.api, container, 3)}"
            for service, container, status in ended
            if status is not None and (status != 0 or up.whole)
        ]

    def problems(self) -> list[str]:
        up = self._up
        return [] if up is None or self._closing else list(up.problems)

    def log_tail(self, name: str, lines: int = 20) -> str:
        up = self._deployed()
        entry = up.members.rows.get(name)
        named = [entry.container] if entry else [each for each, service in up.parts.items() if service == name]
        environment = up.deployment.environment.get(entry.role, {}) if entry else {}
        if not named or not named[0]:
            return log_files.saved_tail(up.deployment.logs / f"{name}.log", lines)
        return log_files.last_lines(up.api, named[0], lines, environment)

    # -- the end

    def tear_down(self) -> None:
        """End the members and then the ledger, keep the logs and the ledger's record, remove all, and look again.

        Raises:
            EnvironmentFailure: Naming what is still there, or could not be kept.
        """
        up = self._up
        if up is None:
            return
        with up.members.lock:
            self._closing = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        logs = {entry.container: entry.name for entry in up.members.rows.values() if entry.container}
        failed: list[str] = []
        steps: list[Callable[[], object]] = [
            lambda: log_files.keep(up.api, up.deployment, up.compose, logs),
            lambda: remove(up.api, up.deployment.run_id, settle_s=0 if up.whole else _SETTLE_S),
        ]
        if up.compose.attach is not None:
            steps = [lambda: attach.leave(up, logs)]
        for step in steps:
            try:
                step()
            except EnvironmentFailure as error:
                failed.append(str(error))
        up.watch.close()
        up.ports.release()
        up.locks.close()
        if failed:
            raise EnvironmentFailure(f"run {up.deployment.run_id}: {'; '.join(failed)}")

    def runs(self) -> dict[str, Standing]:
        return standing(things(connect()), booted_s())

    def restore(self, found: Path) -> list[str]:
        return found_state.settle(connect(), found)

    def thaw_left(self, run_id: str, name: str, handle: str) -> str:
        return abandoned.thaw(connect(), run_id, name, handle)

    def mend_left(self, run_id: str, name: str, handle: str) -> str:
        return abandoned.mend(connect(), run_id, name, handle)

    def leftovers(self, run_id: str) -> list[str]:
        return [str(thing) for thing in things(connect(), run_id)]

    def remove(self, run_id: str) -> list[str]:
        return remove(connect(), run_id, settle_s=_SETTLE_S)

    # -- helpers

    def _deployed(self) -> Up:
        if self._up is None:
            raise EnvironmentFailure("the docker platform was asked before anything was deployed")
        return self._up
