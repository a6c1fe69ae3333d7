"""Pods as members: what the cluster says of a pod, and the lives that a run has seen. Pure.

A member is one life: a container of a pod from its start to its end. A pod whose container is restarted in its place
has another life, and so another name.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.platforms.base import DEAD, Member, Role, State
from harness.platforms.common.members import MemberTable
from harness.platforms.kubernetes.manifests import HASH, ROLE

Object = dict[str, Any]

_DEAD_KEPT = 64
_SETTLED_S = 0.5


@dataclass(frozen=True)
class Seen:
    """What a pod's description says. `container` is the runtime's id of the first container, "" before it has one."""

    uid: str
    name: str
    role: str | None
    ip: str
    ready: bool
    leaving: bool
    restarts: int
    container: str
    container_name: str
    running: bool
    ended: str
    waits: str
    node: str
    is_job: bool
    """It is to end some day, and is tried again by itself until it has."""

    @property
    def done(self) -> bool:
        """Whether the pod has come to its end as it should, as a job does."""
        return self.ended.startswith("Completed")


def seen(pod: Object, selectors: Mapping[str, Mapping[str, str]] | None = None) -> Seen:
    """Return what the description of a pod says of it and of its first container.

    Args:
        pod: The description.
        selectors: Tell by labels the role of a pod that the run did not make. A pod of the ledger has the role
            `ledger`, and is no member.
    """
    labels = pod["metadata"].get("labels") or {}
    chosen = [role for role, wanted in (selectors or {}).items() if wanted and wanted.items() <= labels.items()]
    metadata, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    first = (spec.get("containers") or [{}])[0].get("name", "")
    statuses = {each["name"]: each for each in status.get("containerStatuses") or []}
    container = statuses.get(first, {})
    state = container.get("state") or {}
    ended, waiting = _ended(state.get("terminated") or {}, status), state.get("waiting") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or []}
    return Seen(
        uid=metadata["uid"],
        name=metadata["name"],
        role=labels.get(ROLE) or (chosen[0] if chosen else None),
        ip=status.get("podIP") or "",
        ready=conditions.get("Ready", {}).get("status") == "True",
        leaving=bool(metadata.get("deletionTimestamp")),
        restarts=int(container.get("restartCount") or 0),
        container=str(container.get("containerID") or "").rpartition("/")[2],
        container_name=first,
        running=bool(state.get("running")),
        ended=ended,
        waits="" if ended else _waits(conditions, waiting, status),
        node=spec.get("nodeName") or "",
        is_job=spec.get("restartPolicy", "Always") != "Always",
    )


def _ended(terminated: Object, status: Object) -> str:
    """Return how a pod ended, "" while it has not. One that was evicted or refused may never have had a container."""
    if terminated:
        return f"{terminated.get('reason') or 'ended'} with status {terminated.get('exitCode')}"
    if status.get("phase") == "Failed":
        return f"ended: {status.get('reason') or 'Failed'}: {status.get('message') or 'the cluster does not say why'}"
    return "Completed" if status.get("phase") == "Succeeded" else ""


def versions(pods: Iterable[Object], deployment: str) -> set[str]:
    """Return the hashes that the cluster has given to the versions of which a Deployment has pods."""
    found = set()
    for pod in pods:
        label, about = (pod["metadata"].get("labels") or {}).get(HASH), seen(pod)
        owners = [each["name"] for each in pod["metadata"].get("ownerReferences") or [] if each["kind"] == "ReplicaSet"]
        # By its owner: pods of others may bear all the labels of its own.
        if label and f"{deployment}-{label}" in owners and not about.leaving and not about.ended:
            found.add(str(label))
    return found


def _waits(conditions: dict[str, Object], waiting: Object, status: Object) -> str:
    """Return why a pod does not run, in the cluster's own words."""
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return f"{scheduled.get('reason', '')}: {scheduled.get('message', '')}".strip(": ")
    if waiting.get("reason"):
        return f"{waiting['reason']}: {waiting.get('message', '')}".strip(": ")
    return str(status.get("message") or "")


@dataclass
class Life:
    """One member. `about` is the last that was seen of its pod; `ready` is the cluster's word, `state` ours."""

    name: str
    role: Role
    about: Seen
    boot: str | None
    state: State = "starting"
    began: float | None = None
    healthy: bool = False
    said: str = "not asked yet"

    def has_settled(self) -> bool:
        """Say whether the member has been there for a moment."""
        return self.began is not None and time.monotonic() - self.began > _SETTLED_S

    def member(self, port: int) -> Member:
        """Return the life as the rest of the harness knows it; `port` is that of a replica."""
        where = self.about.ip, port if self.role == "replica" else None
        return Member(self.name, self.role, *where, self.boot, self.state, handle=self.about.container)


class Roster:
    """All lives of a run (`members`), and the pods beside them. Its owner holds `members.lock` around every call."""

    def __init__(self, boots_are_asked: bool) -> None:
        """`boots_are_asked`: a replica says its boot id itself; else, and for workers, the name is taken for one."""
        self._asked = boots_are_asked
        self.members: MemberTable[Life] = MemberTable()
        self.others: dict[str, Seen] = {}
        self.broken: dict[str, str] = {}
        self._theirs: dict[str, Seen] = {}

    @property
    def lives(self) -> dict[str, Life]:
        """The members by name."""
        return self.members.rows

    def see(self, pod: Seen) -> Life | None:
        """Take note of a pod; return its present life, None when it is no member's."""
        if pod.role not in ("replica", "worker"):
            self._see_other(pod)
            return None
        mine = [life for life in self.lives.values() if life.about.uid == pod.uid]
        for life in mine:
            if life.about.restarts < pod.restarts and life.state not in DEAD:
                self.members.move(life, "gone")
        now = next((life for life in mine if life.about.restarts >= pod.restarts), None)
        if now is None:
            now = self._begin("worker" if pod.role == "worker" else "replica", pod)
        # A container that was taken away is described as one that is yet to come.
        had = now.about.container if not pod.container else pod.container
        now.about = Seen(**{**pod.__dict__, "container": had, "ip": pod.ip or now.about.ip})
        if pod.running and now.began is None:
            now.began = time.monotonic()
        if now.state not in DEAD:
            if pod.ended:
                self.members.move(now, "gone")
            elif pod.leaving and now.state != "paused":
                self.members.move(now, "stopping")
        return now

    def _see_other(self, pod: Seen) -> None:
        before = self.others.get(pod.name)
        if before is not None and before.uid == pod.uid and pod.restarts > before.restarts:
            self.broken[pod.name] = f"{pod.name} was restarted by the cluster during the run"
        self.others[pod.name] = pod

    def see_theirs(self, pod: Seen) -> None:
        """Take note of a pod of somebody else's, beside the target: whether it goes on as it was found.

        Nothing says which pod has the target's data, so a restart of any that worked may have lost some. What comes or
        goes is its owner's affair, and so is a pod that did not work when it was found.
        """
        first = self._theirs.setdefault(pod.uid, pod)
        if first.ready and not pod.is_job and pod.restarts > first.restarts:
            self.broken[pod.name] = f"{pod.name}, which may be the store of the target, was restarted during the run"

    def _begin(self, role: Role, pod: Seen) -> Life:
        name = self.members.new_name(role)
        life = Life(name, role, pod, None if self._asked and role == "replica" else name)
        self.members.add(life)
        self.members.forget(self.members.dead()[:-_DEAD_KEPT])
        return life

    def lost(self, uid: str) -> None:
        """Take note that the cluster knows this pod no more."""
        self._theirs.pop(uid, None)
        for life in self.lives.values():
            if life.about.uid == uid and life.state not in DEAD:
                self.members.move(life, "gone")
        for name, other in list(self.others.items()):
            if other.uid == uid:
                del self.others[name]
                if other.done:
                    # A job that has done its work may be cleared away at any time.
                    continue
                self.broken[name] = f"{name} was taken away during the run"

    def all_uids(self) -> set[str]:
        """Return the uids of pods that are known and may be there."""
        living = {life.about.uid for life in self.lives.values() if life.state not in DEAD}
        return living | {other.uid for other in self.others.values()}
