"""The namespaces of runs: made, shown to be in use, found again by whoever looks, removed with all that is in them."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from harness.errors import EnvironmentFailure
from harness.platforms import kubernetes_node as node
from harness.platforms.kubernetes_api import Cluster, Refused, items
from harness.platforms.kubernetes_manifests import HOST, LEASE, MANAGED, OURS, RUN, namespace, namespace_of

Object = dict[str, Any]

LEASE_S = 30.0
"""How long a run that another machine began is taken to be in progress after it last said so."""
_REMOVAL_S = 60.0
_AGAIN_S = 0.3
_WORKLOADS = ("deployments", "statefulsets", "daemonsets", "replicasets")


def create(cluster: Cluster, run_id: str) -> str:
    """Makes the namespace of a run and returns its name. Raises `EnvironmentFailure`."""
    wanted = namespace(run_id, {HOST: node.kernel(), LEASE: _until()})
    try:
        cluster.ask("POST", "/api/v1/namespaces", wanted)
    except Refused as error:
        raise EnvironmentFailure(_not_made(error, wanted["metadata"]["name"])) from error
    return namespace_of(run_id)


def _not_made(error: Refused, name: str) -> str:
    if error.reason == "AlreadyExists":
        return f"namespace {name} is there already: remove what a dead run left with `harness recover`"
    return (
        f"namespace {name} cannot be made: {error}. A run has a namespace of its own: ask for the right to create"
        " and delete namespaces, or name a user that has it in KUBECONFIG"
    )


def _until() -> str:
    return f"{time.time() + LEASE_S:.0f}"


def keep(cluster: Cluster, run_id: str) -> None:
    """Shows that the run is in progress, for a while."""
    patch = {"metadata": {"annotations": {LEASE: _until()}}}
    cluster.ask("PATCH", f"/api/v1/namespaces/{namespace_of(run_id)}", patch, kind="application/merge-patch+json")


def runs(cluster: Cluster) -> dict[str, bool]:
    """Runs that have a namespace; true for one of another machine that is in progress.

    One of this machine holds its name here, which tells more (`harness.platforms.hold`).
    """
    found = cluster.ask("GET", "/api/v1/namespaces", query={"labelSelector": f"{MANAGED}={OURS}"})
    seen = {}
    for each in items(found):
        marks = each["metadata"].get("annotations") or {}
        if RUN in marks:
            is_elsewhere = marks.get(HOST) != node.kernel()
            seen[marks[RUN]] = is_elsewhere and float(marks.get(LEASE) or 0) > time.time()
    return seen


def is_there(cluster: Cluster, run_id: str) -> bool:
    """Whether the run has a namespace; one of the same name that no run made is none."""
    try:
        found = cluster.ask("GET", f"/api/v1/namespaces/{namespace_of(run_id)}")
    except Refused as error:
        if error.status == 404:
            return False
        raise
    return bool((found["metadata"].get("annotations") or {}).get(RUN) == run_id)


def leftovers(cluster: Cluster, run_id: str) -> list[str]:
    """The namespace of a run and the pods in it, one line each."""
    if not is_there(cluster, run_id):
        return []
    name = namespace_of(run_id)
    return [
        f"namespace {name}",
        *(f"pod {each['metadata']['name']} of namespace {name}" for each in pods(cluster, name)),
    ]


def pods(cluster: Cluster, name: str) -> list[Object]:
    """The pods in a namespace."""
    return list(items(cluster.ask("GET", f"/api/v1/namespaces/{name}/pods")))


def is_local(cluster: Cluster) -> bool:
    """Whether the cluster's nodes are this machine."""
    try:
        nodes = items(cluster.ask("GET", "/api/v1/nodes"))
    except Refused:
        return False
    return node.is_mine(each["status"]["nodeInfo"].get("bootID", "") for each in nodes)


def remove(cluster: Cluster, run_id: str) -> None:
    """Removes the namespace, waits until it is gone, and looks for processes of its pods where it can.

    What would make new pods goes first, for a namespace is removed at once when nothing ends slowly in it.
    Raises `EnvironmentFailure` naming what is still there.
    """
    if not is_there(cluster, run_id):
        return
    name = namespace_of(run_id)
    local = False
    with suppress(EnvironmentFailure):
        local = is_local(cluster)
    uids: set[str] = set()
    until = time.monotonic() + _REMOVAL_S
    for kind in _WORKLOADS:
        with suppress(Refused):
            cluster.ask("DELETE", f"/apis/apps/v1/namespaces/{name}/{kind}", {"propagationPolicy": "Orphan"})
    is_asked = False
    while is_there(cluster, run_id):
        uids |= _end_pods(cluster, name, uids, local)
        if not is_asked:
            with suppress(Refused):
                cluster.ask("DELETE", f"/api/v1/namespaces/{name}")
            is_asked = True
        if time.monotonic() > until:
            raise EnvironmentFailure(
                f"namespace {name} is not gone {_REMOVAL_S:g} s after it was deleted: {_what_is_left(cluster, name)}."
                f" Look with `kubectl get all -n {name}`"
            )
        time.sleep(_AGAIN_S)
    left = node.end_all(uids) if local else []
    if left:
        raise EnvironmentFailure(f"processes of the pods of namespace {name} are still there: {'; '.join(left)}")


def _end_pods(cluster: Cluster, name: str, known: set[str], local: bool) -> set[str]:
    """Ends the pods there are; what ends slowly would hold the namespace up."""
    fresh = {each["metadata"]["uid"] for each in pods(cluster, name)}
    if fresh:
        with suppress(Refused):
            cluster.ask("DELETE", f"/api/v1/namespaces/{name}/pods", {"gracePeriodSeconds": 0})
        if local:
            node.end_all(fresh | known)
    return fresh


def _what_is_left(cluster: Cluster, name: str) -> str:
    try:
        found = cluster.ask("GET", f"/api/v1/namespaces/{name}")
    except EnvironmentFailure as error:
        return str(error)
    conditions = (found.get("status") or {}).get("conditions") or []
    said = [each.get("message", "") for each in conditions if each.get("status") == "True"]
    return "; ".join(said) or "the cluster does not say why"
