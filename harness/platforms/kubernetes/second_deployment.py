"""Second Deployments, which a `switch` put into namespaces of somebody else's: found again by their marks alone.

That is for a run whose folder is gone: with it, `kubernetes_attach` brings back all. What the target was is known to
the folder only, so a second Deployment that does its work stays, and what is to be done by hand is said.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from harness.errors import EnvironmentFailure
from harness.platforms.common.lock import here
from harness.platforms.kubernetes.api import Cluster, Refused, items
from harness.platforms.kubernetes.manifests import (
    BESIDE,
    HASH,
    HOST,
    LEASE,
    MANAGED,
    OURS,
    RUN,
    SERVICE,
    VERSION,
    namespace_of,
)

Object = dict[str, Any]

_APPS = "/apis/apps/v1"
_GONE_S = 60.0
_LOOK_S = 0.3


def now() -> str:
    """Return what shows that a run is in progress, another text each time."""
    # Only that it changes is looked at: the clocks of two machines may differ by more than any lease.
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def marks(run_id: str, before: str, service: str) -> dict[str, str]:
    """Return the annotations of a second Deployment: whose it is, what it stands beside, which Service it gets."""
    return {RUN: run_id, HOST: here(), LEASE: now(), BESIDE: before, SERVICE: service}


def renew_lease(cluster: Cluster, paths: Collection[str]) -> None:
    """Show on these Deployments that their run is in progress; one that is gone by now needs that no more."""
    patch = {"metadata": {"annotations": {LEASE: now()}}}
    for path in paths:
        try:
            cluster.ask("PATCH", path, patch, kind="application/merge-patch+json")
        except Refused as error:
            if error.status != 404:
                raise


def found(cluster: Cluster, run_id: str | None = None) -> list[Object]:
    """Return the second Deployments of a run, or of all runs, as far as this user may see them.

    What is in a namespace of the run's own is left out: it goes with the namespace.
    """
    try:
        answer = cluster.ask("GET", f"{_APPS}/deployments", query={"labelSelector": f"{MANAGED}={OURS}"})
    except Refused as error:
        if error.status == 403:
            return []
        raise
    return [
        each
        for each in items(answer)
        if (run := marks_of(each).get(RUN)) is not None
        and run_id in (None, run)
        and each["metadata"].get("namespace") != namespace_of(run)
    ]


def marks_of(thing: Object) -> dict[str, str]:
    """Return the annotations of an object."""
    return thing["metadata"].get("annotations") or {}


def _name(deployment: Object) -> str:
    return f"Deployment {deployment['metadata']['name']} of namespace {deployment['metadata']['namespace']}"


def leftovers(cluster: Cluster, run_id: str) -> list[str]:
    """Return the second Deployments of a run, one line each."""
    return [f"{_name(each)} (beside a target that ran before)" for each in found(cluster, run_id)]


def remove(cluster: Cluster, run_id: str) -> list[str]:
    """Remove the second Deployments of a run that nobody needs; return what was removed or left, and why.

    Raises:
        EnvironmentFailure: Naming what was to go and is still there.
    """
    done, gone = [], []
    for each in found(cluster, run_id):
        if needed := _needed(cluster, each):
            done.append(f"left {_name(each)}: {needed}. {_by_hand(each)}")
            continue
        metadata = each["metadata"]
        path = f"{_APPS}/namespaces/{metadata['namespace']}/deployments/{metadata['name']}"
        which = {"propagationPolicy": "Foreground", "preconditions": {"uid": metadata["uid"]}}
        try:
            cluster.ask("DELETE", path, which)
        except Refused as error:
            # Gone by now, or another of its name.
            if error.status not in (404, 409):
                raise
        gone.append(metadata["uid"])
        done.append(f"removed {_name(each)}")
    until = time.monotonic() + _GONE_S
    while left := [_name(each) for each in found(cluster, run_id) if each["metadata"]["uid"] in gone]:
        if time.monotonic() > until:
            raise EnvironmentFailure(f"{'; '.join(left)}: still there {_GONE_S:g} s after it was to be deleted")
        time.sleep(_LOOK_S)
    return done


def _needed(cluster: Cluster, deployment: Object) -> str:
    """Return why a Deployment cannot go: what it took over was not brought back; empty when it can."""
    here_is, mine = f"namespaces/{deployment['metadata']['namespace']}", marks_of(deployment)
    service = _if_there(cluster, f"/api/v1/{here_is}/services/{mine.get(SERVICE)}")
    selector = (service or {}).get("spec", {}).get("selector") or {}
    labels = deployment["spec"]["template"]["metadata"].get("labels") or {}
    if VERSION in selector and selector[VERSION] == labels.get(VERSION):
        return f"Service {mine[SERVICE]} sends requests to it"
    if service and HASH in selector and marks_of(service).get(RUN) == mine[RUN]:
        return f"Service {mine[SERVICE]} still has the label {HASH} that the run put into its selector"
    before = _if_there(cluster, f"{_APPS}/{here_is}/deployments/{mine.get(BESIDE)}")
    if before is None:
        return ""
    if before["spec"].get("replicas") == 0:
        return f"Deployment {mine[BESIDE]}, in whose place it is, is scaled to nothing"
    return _short_of(before)


def _short_of(before: Object) -> str:
    """Return what the Deployment in whose place another is lacks to do its work again; empty when nothing."""
    metadata, status, wanted = before["metadata"], before.get("status") or {}, int(before["spec"].get("replicas", 1))
    is_seen = int(status.get("observedGeneration") or 0) >= int(metadata.get("generation") or 0)
    ready = int(status.get("availableReplicas") or 0)
    if is_seen and ready >= wanted:
        return ""
    has = f"has {ready} of {wanted} pods available" if is_seen else "is being changed by the cluster just now"
    return f"Deployment {metadata['name']}, in whose place it is, {has}"


def _if_there(cluster: Cluster, path: str) -> Object | None:
    try:
        return cluster.ask("GET", path)
    except Refused as error:
        if error.status == 404:
            return None
        raise


def _by_hand(deployment: Object) -> str:
    mine, kubectl = marks_of(deployment), f"kubectl -n {deployment['metadata']['namespace']}"
    return (
        "Only the folder of its run says what the target was. If that is gone:"
        f" `{kubectl} scale deployment {mine.get(BESIDE)} --replicas=N` to what it had;"
        f" `{kubectl} edit service {mine.get(SERVICE)}`, take {VERSION} and {HASH} out of its selector;"
        " then `harness recover` removes it"
    )
