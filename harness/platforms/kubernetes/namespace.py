"""The namespaces of runs: made, shown to be in use, found again by whoever looks, removed with all that is in them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from harness.errors import EnvironmentFailure
from harness.platforms.base import Standing
from harness.platforms.common.lock import here
from harness.platforms.kubernetes import node, second_deployment
from harness.platforms.kubernetes.api import Cluster, Refused, Unreachable, items
from harness.platforms.kubernetes.manifests import HOST, LEASE, MANAGED, OURS, RUN, namespace, namespace_of
from harness.platforms.kubernetes.second_deployment import now

Object = dict[str, Any]

WATCHED_S = 30.0
"""For how long a run of another place is watched, which renews what shows that it lives every few seconds."""
_LOOK_S = 0.5
_REMOVAL_S = 60.0
_TAKEN_BACK_S = 30.0
_AGAIN_S = 0.3
_WORKLOADS = ("deployments", "statefulsets", "daemonsets", "replicasets")


def create(cluster: Cluster, run_id: str) -> str:
    """Make the namespace of a run, and return its name.

    Raises:
        EnvironmentFailure: The namespace cannot be made, or nobody said whether it was; then it is removed again.
    """
    wanted = namespace(run_id, {HOST: here(), LEASE: now()})
    try:
        cluster.ask("POST", "/api/v1/namespaces", wanted)
    except Refused as error:
        why = _not_made(error, wanted["metadata"]["name"])
        # A server, or what stands before it, may give up on a request that is done nevertheless.
        is_refused = error.status < 500
        raise EnvironmentFailure(why if is_refused else _taken_back(cluster, run_id, why)) from error
    except Unreachable as error:
        raise EnvironmentFailure(_taken_back(cluster, run_id, str(error))) from error
    return namespace_of(run_id)


def _taken_back(cluster: Cluster, run_id: str, why: str) -> str:
    """Remove a namespace that may have been made; return why, and also why it could not be removed."""
    try:
        remove(cluster, run_id, _TAKEN_BACK_S)
    except EnvironmentFailure as also:
        return f"{why}; nor can it be told that its namespace is not there: {also}; then `harness recover`"
    return why


def _not_made(error: Refused, name: str) -> str:
    if error.reason == "AlreadyExists":
        return f"namespace {name} is there already: remove what a dead run left with `harness recover`"
    return (
        f"namespace {name} cannot be made: {error}. A run has a namespace of its own: ask for the right to create"
        " and delete namespaces, or name a user that has it in KUBECONFIG"
    )


def renew_lease(cluster: Cluster, run_id: str) -> None:
    """Show that the run is in progress."""
    patch = {"metadata": {"annotations": {LEASE: now()}}}
    cluster.ask("PATCH", f"/api/v1/namespaces/{namespace_of(run_id)}", patch, kind="application/merge-patch+json")


def runs(cluster: Cluster) -> dict[str, Standing]:
    """Runs that have a namespace, or a Deployment in one of others; true for one that is in progress elsewhere.

    Elsewhere is another place, as `harness.platforms.common.lock` has it.
    One of this place holds its name here, which tells more. Of the others it is watched whether they still renew what
    shows it; where one has not for `WATCHED_S`, it is dead. Raises `EnvironmentFailure` if the cluster did not answer
    all the while, for then it may have heard nothing of them either.
    """
    marks = _marks(cluster)
    seen: dict[str, Standing] = dict.fromkeys(marks, False)
    waiting = {run: each.get(LEASE) for run, each in marks.items() if each.get(HOST) != here()}
    until = time.monotonic() + WATCHED_S
    is_over = False
    while waiting and not is_over:
        # The last look comes after the time: whoever was frozen meanwhile has heard nothing of anybody.
        is_over = time.monotonic() >= until
        time.sleep(_LOOK_S)
        marks = _marks(cluster)
        for run, shown in list(waiting.items()):
            if run not in marks:
                # Its own end, or somebody's who knew more.
                del waiting[run], seen[run]
            elif marks[run].get(LEASE) != shown:
                seen[run] = True
                del waiting[run]
    return seen


def _marks(cluster: Cluster) -> dict[str, dict[str, str]]:
    """Return the annotations of all namespaces of runs, and of Deployments in those of others, by run."""
    found = cluster.ask("GET", "/api/v1/namespaces", query={"labelSelector": f"{MANAGED}={OURS}"})
    marks = [second_deployment.marks_of(each) for each in [*second_deployment.found(cluster), *items(found)]]
    return {each[RUN]: each for each in marks if RUN in each}


def is_there(cluster: Cluster, run_id: str) -> bool:
    """Say whether the run has a namespace; one of the same name that no run made does not count."""
    try:
        found = cluster.ask("GET", f"/api/v1/namespaces/{namespace_of(run_id)}")
    except Refused as error:
        if error.status == 404:
            return False
        raise
    return bool((found["metadata"].get("annotations") or {}).get(RUN) == run_id)


def leftovers(cluster: Cluster, run_id: str) -> list[str]:
    """Return the namespace of a run and the pods in it, one line each."""
    if not is_there(cluster, run_id):
        return []
    name = namespace_of(run_id)
    return [
        f"namespace {name}",
        *(f"pod {each['metadata']['name']} of namespace {name}" for each in pods(cluster, name)),
    ]


def pods(cluster: Cluster, name: str, labels: Mapping[str, str] | None = None) -> list[Object]:
    """Return the pods in a namespace, those that bear the labels."""
    wanted = (labels or {}).items()
    found = items(cluster.ask("GET", f"/api/v1/namespaces/{name}/pods"))
    return [each for each in found if wanted <= (each["metadata"].get("labels") or {}).items()]


def is_local(cluster: Cluster) -> bool:
    """Say whether the cluster's nodes are this machine."""
    try:
        nodes = items(cluster.ask("GET", "/api/v1/nodes"))
    except Refused:
        return False
    return node.is_mine(each["status"]["nodeInfo"].get("bootID", "") for each in nodes)


def remove(cluster: Cluster, run_id: str, within_s: float | None = None) -> None:
    """Removes the namespace, waits until it is gone, and looks for processes of its pods where it can.

    What would make new pods goes first, for a namespace is removed at once when nothing ends slowly in it. A question
    without an answer is asked again, and so is what was refused: an API server that is restarted, or has too much to
    do, is back soon. Raises `EnvironmentFailure` naming what is still there.
    """
    removal = _Removal(cluster, run_id)
    limit = _REMOVAL_S if within_s is None else within_s
    until = time.monotonic() + limit
    while not removal.is_done():
        if time.monotonic() > until:
            raise EnvironmentFailure(
                f"namespace {removal.name} is not gone {limit:g} s after it was to be deleted: {removal.why()}."
                f" Look with `kubectl get all -n {removal.name}`"
            )
        time.sleep(_AGAIN_S)
    left = node.end_all(removal.uids) if removal.local else []
    if left:
        raise EnvironmentFailure(
            f"processes of the pods of namespace {removal.name} are still there: {'; '.join(left)}"
        )


class _Removal:
    """What has been asked of the cluster so far, and what stood in the way."""

    def __init__(self, cluster: Cluster, run_id: str) -> None:
        self._cluster, self._run_id, self.name = cluster, run_id, namespace_of(run_id)
        self.uids: set[str] = set()
        self.local: bool | None = None
        self._refused: dict[str, str] = {}
        self._unreached = ""
        self._asked: set[str] = set()

    def is_done(self) -> bool:
        """Go on where that is needed; say whether the namespace is gone."""
        self._unreached = ""
        try:
            if not is_there(self._cluster, self._run_id):
                return True
            if self.local is None:
                self.local = is_local(self._cluster)
            for kind in _WORKLOADS:
                self._delete(f"/apis/apps/v1/namespaces/{self.name}/{kind}", {"propagationPolicy": "Orphan"})
            self.uids |= self._end_pods()
            self._delete(f"/api/v1/namespaces/{self.name}")
        except EnvironmentFailure as error:
            self._unreached = str(error)
        return False

    def _delete(self, path: str, options: Object | None = None, is_again: bool = False) -> None:
        """Once, unless it was refused."""
        if path in self._asked and not is_again:
            return
        try:
            self._cluster.ask("DELETE", path, options)
        except Refused as error:
            self._refused[path] = str(error)
        else:
            self._refused.pop(path, None)
            self._asked.add(path)

    def _end_pods(self) -> set[str]:
        """End the pods that are there; what ends slowly would hold the namespace up."""
        fresh = {each["metadata"]["uid"] for each in pods(self._cluster, self.name)}
        if fresh:
            self._delete(f"/api/v1/namespaces/{self.name}/pods", {"gracePeriodSeconds": 0}, is_again=True)
            if self.local:
                node.end_all(fresh | self.uids)
        return fresh

    def why(self) -> str:
        """Return what stood in the way at the last try."""
        said = [*([self._unreached] if self._unreached else []), *self._refused.values()]
        return "; ".join(said) or _what_is_left(self._cluster, self.name)


def _what_is_left(cluster: Cluster, name: str) -> str:
    try:
        found = cluster.ask("GET", f"/api/v1/namespaces/{name}")
    except EnvironmentFailure as error:
        return str(error)
    conditions = (found.get("status") or {}).get("conditions") or []
    said = [each.get("message", "") for each in conditions if each.get("status") == "True"]
    return "; ".join(said) or "the cluster does not say why"
