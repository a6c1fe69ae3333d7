"""The target on Kubernetes: the user's own manifests in a namespace of the run's, watched and acted on by its API.

The cluster itself keeps the wanted number of pods. A pod's container is a member from its start to its end.

    kill      SIGKILL to the processes of the container, where the node is this machine; then, and elsewhere only that,
              the pod is deleted with grace 0, so that its controller makes another at once
    stop      an eviction: it respects the disruption budget, and the pod has its grace
    pause     SIGSTOP to the processes of the container; only where the node is this machine
    scale, restart, roll    of the Deployment
    switch    a second Deployment beside the first, then the Service's selector, then the first is scaled to nothing

A container is seen to have ended when its processes are gone, where they can be seen: a kubelet may take a minute to
say so of a pod whose sandbox it has not cleared away.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.contract.start import Kubernetes
from harness.errors import EnvironmentFailure
from harness.platforms.abilities import Pausable
from harness.platforms.base import DEAD, Deployment, Member, Role, State
from harness.platforms.common.deploying import deploy_whole
from harness.platforms.common.lock import check_run_id, hold_name, hold_target
from harness.platforms.common.log_tail import tail
from harness.platforms.kubernetes import actions, attach, deploy, manifests, namespace, node, recover, second_deployment
from harness.platforms.kubernetes.actions import Up
from harness.platforms.kubernetes.api import Cluster, Object, Refused
from harness.platforms.kubernetes.changes import Changes
from harness.platforms.kubernetes.description import KUBERNETES
from harness.platforms.kubernetes.pods import Life, Seen, seen
from harness.platforms.kubernetes.watch import LogFollower, PodWatch
from harness.redact import redact_patterns
from harness.signals import uninterrupted

_LOST_S = 4.0
_LOOK_S = 0.1
_LAST_WORDS_S = 1.0


def _thawed(life: Life) -> State:
    return "stopping" if life.about.leaving else "unready"


class KubernetesPlatform:
    """A `Platform`; is `SelfHealing`, `Attachable` and `Leased`, and `Pausable` where its node is this machine."""

    name = KUBERNETES.name

    def __init__(self) -> None:
        self._up: Up | None = None
        self._closing = threading.Event()
        self._changes: Changes | None = None
        self._ends: threading.Thread | None = None

    def withholds(self, ability: type) -> str | None:
        """Return why members cannot be frozen here. Where no cluster answers, the deployment says what is wrong."""
        if ability is Pausable and not self._sees_processes:
            return "its processes run on another machine, and cannot be frozen from here"
        return None

    @functools.cached_property
    def _sees_processes(self) -> bool:
        try:
            return namespace.is_local(Cluster.connect())
        except Refused:
            return False
        except EnvironmentFailure:
            return True

    missing = staticmethod(deploy.missing)

    # -- deploying

    def deploy(self, deployment: Deployment) -> None:
        """Make everything at once, and wait until every pod is ready and the Service answers on its port.

        Raises:
            EnvironmentFailure: Something did not come up; then nothing is left.
        """
        deploy_whole(deployment, self._up is not None, self._bring_up, self.tear_down)

    def _bring_up(self, deployment: Deployment) -> None:
        part = deployment.kubernetes
        check_run_id(deployment.run_id)
        if part is None:
            raise EnvironmentFailure("the contract does not say how to start on kubernetes: add start.kubernetes")
        deployment.logs.mkdir(parents=True, exist_ok=True)
        cluster = Cluster.connect()
        deploy.require_near(cluster, deployment.allowed)
        local = namespace.is_local(cluster)
        (self._make if part.attach is None else self._take)(deployment, part, cluster, local)
        up = self._deployed()
        with uninterrupted():
            self._changes = Changes(up)
            up.watch = PodWatch(cluster, up.namespace, self._listed, self._changed)
            up.watch.start()
            self._ends = threading.Thread(target=self._look_for_ends, name="kubernetes ends", daemon=True)
            self._ends.start()
        self._await(up, time.monotonic() + deployment.deadline_s)

    def _make(self, deployment: Deployment, part: Kubernetes, cluster: Cluster, local: bool) -> None:
        written = manifests.read(part.manifests, deployment.directory)
        wanted = manifests.changed(written, deployment)
        placed = deploy.placed(cluster, [*manifests.secrets(deployment), *wanted])
        deploy.build(cluster, deployment, local, manifests.images(wanted))
        with uninterrupted(), contextlib.ExitStack() as locks:
            locks.enter_context(hold_name(deployment.run_id))
            namespace.create(cluster, deployment.run_id)
            self._up = up = Up(deployment, part, cluster, local, locks.pop_all())
        deploy.apply(cluster, up.namespace, placed)

    def _take(self, deployment: Deployment, part: Kubernetes, cluster: Cluster, local: bool) -> None:
        name = str(part.attach)
        with contextlib.ExitStack() as locks:
            locks.enter_context(hold_name(deployment.run_id))
            locks.enter_context(hold_target(recover.target(cluster, name), is_first=True))
            chosen = attach.selectors(cluster, deployment, part, name)
            self._up = Up(deployment, part, cluster, local, locks.pop_all())
        self._up.selectors = chosen

    def _await(self, up: Up, until: float) -> None:
        counts: dict[Role, int] = {"replica": up.deployment.replicas, "worker": up.deployment.workers}
        while True:
            for member in self.members():
                self.ready(member)
            members = self.members()
            with up.roster.members.lock:
                lives, others = dict(up.roster.lives), list(up.roster.others.values())
            ready = [member.role for member in members if member.state == "ready"]
            short = [role for role, count in counts.items() if ready.count(role) < count]
            unreached = ""
            if not short and all(other.ready or other.done for other in others):
                up.balancer, unreached = deploy.address(up.cluster, up.namespace, up.part, up.deployment.allowed)
                if up.balancer:
                    return
            pods = [*others, *(life.about for life in lives.values())]
            is_late = time.monotonic() > until
            why = deploy.why_not_up(pods, is_late)
            if why or is_late:
                said = [each.said for each in lives.values() if each.role in short and each.state not in DEAD]
                because = said[0] if said else unreached
                limit = f"not ready within {up.deployment.deadline_s:g} s{f' ({because})' if because else ''}"
                raise self._failure(up, *(why or (f"{short[0]}s" if short else f"Service {up.part.service}", limit)))
            self._raise_if_lost(up)
            time.sleep(_LOOK_S)

    def _failure(self, up: Up, name: str, what: str) -> EnvironmentFailure:
        mine = [life.name for life in up.roster.lives.values() if name in (life.about.name, f"{life.role}s")]
        lines = self.log_tail(name) or (self.log_tail(mine[0]) if mine else "")
        return deploy.failure(up.namespace, name, what, lines)

    # -- what the cluster tells

    def _listed(self, pods: list[Object]) -> None:
        up = self._deployed()
        pods = sorted(pods, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))
        found = [seen(pod, up.selectors) for pod in pods]
        with up.roster.members.lock:
            for uid in up.roster.all_uids() - {each.uid for each in found}:
                up.roster.lost(uid)
            for each in found:
                self._see(up, each)

    def _changed(self, what: str, pod: Object) -> None:
        up = self._deployed()
        about = seen(pod, up.selectors)
        with up.roster.members.lock:
            if what == "DELETED":
                up.roster.lost(about.uid)
            else:
                self._see(up, about)

    def _see(self, up: Up, about: Seen) -> None:
        if up.part.attach is not None and about.role is None:
            up.roster.see_theirs(about)
            return
        life = up.roster.see(about)
        name, known = life.name if life else about.name, (about.uid, about.restarts)
        if known not in up.logs and (about.running or about.ended):
            file = up.deployment.logs / f"{name}.log"
            arguments = (up.cluster, up.namespace, about.name, about.container_name, file)
            up.logs[known] = LogFollower(*arguments)

    def _look_for_ends(self) -> None:
        """See containers end that the cluster has asked to end, long before the cluster says so."""
        up = self._deployed()
        while not self._closing.wait(_LOOK_S) and up.local:
            with up.roster.members.lock:
                leaving = [life for life in up.roster.lives.values() if life.state == "stopping"]
            for life in leaving:
                if actions.has_ended(up, life):
                    with up.roster.members.lock:
                        if life.state == "stopping":
                            up.roster.members.move(life, "gone")

    def _raise_if_lost(self, up: Up) -> None:
        lost_s, why = up.watch.lost() if up.watch else (0.0, "")
        if lost_s > _LOST_S:
            raise EnvironmentFailure(f"the cluster went away: {why}")

    def failures(self) -> list[str]:
        up = self._up
        if up is None or self._closing.is_set():
            return []
        with up.roster.members.lock:
            return list(up.roster.broken.values())

    def problems(self) -> list[str]:
        up = self._up
        lost_s, why = up.watch.lost() if up and up.watch and not self._closing.is_set() else (0.0, "")
        return [f"the cluster went away during the run: {why}"] if lost_s > _LOST_S else []

    # -- members

    def balancer(self) -> tuple[str, int]:
        up = self._deployed()
        assert up.balancer is not None
        return up.balancer

    def members(self) -> list[Member]:
        up = self._up
        if up is None:
            return []
        with up.roster.members.lock:
            found = [life.member(up.part.port) for life in up.roster.lives.values()]
        return sorted(found, key=lambda member: (member.role, member.number))

    def ready(self, member: Member) -> bool:
        up = self._deployed()

        def ask(life: Life) -> tuple[bool, str | None]:
            # One that dies of its first steps was ready, for the cluster, as soon as it ran.
            is_ready = life.about.ready and life.has_settled()
            if life.role == "worker" or not life.about.ip:
                return is_ready, None
            is_good, boot = actions.ask(up, life)
            return is_ready and is_good, boot

        return up.roster.members.poll(member.name, ask)

    # -- what is done to a member

    def kill(self, name: str) -> str:
        return self._do(name, "killed", "killed", actions.kill)

    def stop(self, name: str, grace_s: float) -> str:
        return self._do(name, "stopping", "gone", lambda up, life: actions.evict(up, life, grace_s))

    def pause(self, name: str) -> str:
        return self._do(name, "paused", "paused", lambda up, life: actions.in_node(up, life, node.freeze))

    def resume(self, name: str) -> str:
        return self._do(name, "paused", _thawed, lambda up, life: actions.in_node(up, life, node.thaw))

    def _do(
        self, name: str, during: State, after: State | Callable[[Life], State], action: Callable[[Up, Life], str]
    ) -> str:
        up = self._deployed()
        return up.roster.members.act(name, during, after, lambda life: action(up, life))

    # -- what the cluster is asked to bring about

    def scale(self, role: Role, count: int) -> None:
        self._changing().scale(role, count)

    def roll(self, role: Role, environment: Mapping[str, str]) -> None:
        self._changing().roll(role, environment)

    def switch(
        self, role: Role, environment: Mapping[str, str], deadline_s: float, abort: threading.Event | None = None
    ) -> None:
        self._changing().switch(role, environment, deadline_s, abort)

    def give_up(self, role: Role) -> None:
        self._changing().give_up(role)

    def _changing(self) -> Changes:
        self._deployed()
        assert self._changes is not None
        return self._changes

    # -- the end

    def log_tail(self, name: str, lines: int = 20) -> str:
        up = self._up
        if up is None:
            return ""
        return redact_patterns(tail(Path(up.deployment.logs / f"{name}.log"), lines))

    def tear_down(self) -> None:
        up = self._up
        if up is None:
            return
        failed = []
        if not self._closing.is_set():
            self._closing.set()
            with up.roster.members.lock:
                actions.thaw_all(up)
            failed = deploy.save_record(
                up.cluster, up.namespace, up.part, up.deployment, list(up.roster.others.values())
            )
        if self._changes:
            # A change that landed later would land in what is brought back here.
            self._changes.close()
        if self._ends:
            self._ends.join()
        if up.watch:
            up.watch.stop()
        try:
            self._leave_as_found(up)
        except EnvironmentFailure as error:
            failed.append(str(error))
        else:
            up.locks.close()
        with up.roster.members.lock:
            followers = list(up.logs.values())
        until = time.monotonic() + (_LAST_WORDS_S if up.part.attach is None else 0.0)
        for follower in followers:
            follower.close(max(0.0, until - time.monotonic()))
        if failed:
            raise EnvironmentFailure("; ".join(failed))

    @staticmethod
    def _leave_as_found(up: Up) -> None:
        if up.part.attach is None:
            namespace.remove(up.cluster, up.deployment.run_id)
        elif up.deployment.found is not None:
            recover.settle(up.deployment.found)

    def renew_lease(self) -> None:
        up = self._up
        if up is not None and up.part.attach is None:
            namespace.renew_lease(up.cluster, up.deployment.run_id)
        elif up is not None:
            second_deployment.renew_lease(up.cluster, list(up.second_deployments))

    runs = staticmethod(recover.runs)
    restore = staticmethod(recover.settle)
    leftovers = staticmethod(recover.leftovers)
    remove = staticmethod(recover.remove)
    thaw_left = staticmethod(recover.thaw)

    # -- helpers

    def _deployed(self) -> Up:
        if self._up is None:
            raise EnvironmentFailure("the kubernetes platform was asked before anything was deployed")
        return self._up
