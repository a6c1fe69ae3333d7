"""A target that runs already in a namespace of somebody else's: used as it is, and brought back to what it was.

What the run may change is noted before it changes anything: how many pods its Deployments have and of which template,
and which pods the Service sends requests to. What the run adds (a second Deployment) carries our label.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.contract.start import Kubernetes
from harness.errors import EnvironmentFailure
from harness.platforms import kubernetes_namespace as namespaces
from harness.platforms import kubernetes_node as node
from harness.platforms import procfs
from harness.platforms.base import Deployment, Role
from harness.platforms.kubernetes_api import Cluster, Refused, items
from harness.platforms.kubernetes_manifests import MANAGED, OURS

Object = dict[str, Any]

_PATCH = "application/json-patch+json"
_APPS = "/apis/apps/v1/namespaces"


def selectors(cluster: Cluster, deployment: Deployment, part: Kubernetes, name: str) -> dict[Role, Mapping[str, str]]:
    """By which labels the pods of each role are known; notes how all was found.

    Raises `EnvironmentFailure` when the namespace lacks what the contract names, or runs other numbers than declared.
    """
    wanted: dict[Role, tuple[str, int]] = {"replica": (part.replica, deployment.replicas)}
    if part.worker:
        wanted["worker"] = part.worker, deployment.workers
    found: dict[Role, Object] = {
        role: _get(cluster, f"{_APPS}/{name}/deployments/{each}") for role, (each, _) in wanted.items()
    }
    for role, (each, count) in wanted.items():
        runs = found[role]["spec"].get("replicas", 1)
        if runs != count:
            raise EnvironmentFailure(
                f"namespace {name} runs {runs} of Deployment {each}, the scenario declares {count} {role}s:"
                f" set its target, or `kubectl -n {name} scale deployment {each} --replicas={count}`"
            )
    service = _get(cluster, f"/api/v1/namespaces/{name}/services/{part.service}")
    _note(deployment, name, list(found.values()), service)
    return {role: dict(each["spec"]["selector"].get("matchLabels") or {}) for role, each in found.items()}


def _get(cluster: Cluster, path: str) -> Object:
    try:
        return cluster.ask("GET", path)
    except Refused as error:
        raise EnvironmentFailure(
            f"the target to attach to is not there: {error}. Start it, or take `attach` out of the contract to have"
            " one made for the run"
        ) from error


def _note(deployment: Deployment, name: str, workloads: list[Object], service: Object) -> None:
    if deployment.found is None:
        return
    noted = {
        "namespace": name,
        "deployments": {
            each["metadata"]["name"]: {part: each["spec"].get(part) for part in ("replicas", "template")}
            for each in workloads
        },
        "service": {"name": service["metadata"]["name"], "selector": service["spec"].get("selector") or {}},
    }
    with deployment.found.open("w", encoding="utf-8") as file:
        json.dump(noted, file)
        file.flush()
        os.fsync(file.fileno())


def restore(found: Path) -> list[str]:
    """See `harness.platforms.base.Attacher`."""
    try:
        noted = json.loads(found.read_text(encoding="utf-8"))
        name, workloads, service = noted["namespace"], noted["deployments"], noted["service"]
    except (OSError, ValueError, KeyError, TypeError):
        # Noted in whole before anything is changed: without it nothing was.
        return []
    cluster = Cluster.connect()
    done = _thawed(cluster, name)
    place = f"/api/v1/namespaces/{name}/services/{service['name']}"
    if (_get(cluster, place)["spec"].get("selector") or {}) != service["selector"]:
        cluster.ask(
            "PATCH", place, [{"op": "replace", "path": "/spec/selector", "value": service["selector"]}], kind=_PATCH
        )
        done.append(f"Service {service['name']} of namespace {name} selects again what it did")
    for each, was in workloads.items():
        done += _brought_back(cluster, f"{_APPS}/{name}/deployments/{each}", each, was)
    added = cluster.ask("GET", f"{_APPS}/{name}/deployments", query={"labelSelector": f"{MANAGED}={OURS}"})
    for each in items(added):
        called = each["metadata"]["name"]
        cluster.ask("DELETE", f"{_APPS}/{name}/deployments/{called}", {"propagationPolicy": "Background"})
        done.append(f"removed Deployment {called} of namespace {name}")
    return done


def _brought_back(cluster: Cluster, path: str, name: str, was: Object) -> list[str]:
    spec = _get(cluster, path)["spec"]
    patch = [
        {"op": "replace", "path": f"/spec/{part}", "value": value}
        for part, value in was.items()
        if value is not None and spec.get(part) != value
    ]
    if not patch:
        return []
    cluster.ask("PATCH", path, patch, kind=_PATCH)
    return [f"Deployment {name} has its {' and '.join(each['path'].rpartition('/')[2] for each in patch)} again"]


def _thawed(cluster: Cluster, name: str) -> list[str]:
    if not namespaces.is_local(cluster):
        return []
    done = []
    for pod in namespaces.pods(cluster, name):
        frozen = [each for each in node.processes(pod["metadata"]["uid"]) if "T" in procfs.states(each.pid)]
        if frozen:
            done.append(f"thawed pod {pod['metadata']['name']}: {node.thaw(pod['metadata']['uid'], name)}")
    return done
