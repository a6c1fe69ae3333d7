"""A namespace in memory, with controllers that take a few looks for what they do; each look counts who can answer."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from harness.contract.start import Kubernetes
from harness.platforms.base import Deployment
from harness.platforms.kubernetes import attach as attaching
from harness.platforms.kubernetes.actions import Up
from harness.platforms.kubernetes.api import Cluster, Refused
from harness.platforms.kubernetes.manifests import HASH

Object = dict[str, Any]

PART = Kubernetes(
    manifests=["none"], replica="web", worker="jobs", service="web", service_port=80, port=8000, attach="shop"
)


@dataclass
class Pod:
    name: str
    labels: dict[str, str]
    age: int = 0
    leaving: int = 0


@dataclass
class Shop:
    """A pod is ready after `ready_after` looks, those of Deployments in `slow` never, and one of a deleted Deployment
    is told to end after `collects_after`; what the Service selects is heeded `lag` looks later. `served` is what each
    look found: how many ready pods the Service sends requests to. `on_ask` is told of each request before it is done.
    """

    where: str = "https://127.0.0.1:6443"
    ready_after: int = 3
    ends_after: int = 2
    collects_after: int = 0
    lag: int = 0
    slow: set[str] = field(default_factory=set)
    served: list[int] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    on_ask: Callable[[str, str], None] = lambda method, path: None
    deployments: dict[str, Object] = field(default_factory=dict)
    pods: dict[str, list[Pod]] = field(default_factory=dict)
    selector: dict[str, str] = field(default_factory=lambda: {"app": "web"})
    marks: dict[str, str] = field(default_factory=dict)
    led: set[str] = field(default_factory=set)
    _heeded: list[dict[str, str]] = field(default_factory=list)
    _number: int = 0
    _deleted: dict[str, int] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.made = self.where

    def add(self, name: str, replicas: int, labels: dict[str, str], template: Object | None = None) -> None:
        """A Deployment whose pods are ready."""
        given = template or {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c"}]}}
        self.deployments[name] = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {**self._about(name), "labels": {}},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": given},
        }
        self.pods[name] = [self._pod(name, labels, self.ready_after) for _ in range(replicas)]
        self.led = self._endpoints()

    def _about(self, name: str) -> Object:
        return {"name": name, "namespace": "shop", "uid": f"{name} of {self.made}", "generation": 1}

    def _pod(self, name: str, labels: dict[str, str], age: int = 0) -> Pod:
        self._number += 1
        return Pod(f"{name}-{self._number}", {**labels, HASH: f"of-{name}"}, age)

    def _ready(self, name: str) -> list[Pod]:
        found = [] if name in self.slow else self.pods[name]
        return [pod for pod in found if pod.age >= self.ready_after and not pod.leaving]

    def _endpoints(self) -> set[str]:
        ready = [pod for name in self.pods for pod in self._ready(name)]
        heeded = self._heeded[0] if self._heeded else self.selector
        return {pod.name for pod in ready if heeded.items() <= pod.labels.items()}

    def _tick(self) -> None:
        """What reaches the pods is a look behind what is written."""
        self._heeded = [*self._heeded, self.selector][-1 - self.lag :]
        self.led &= {pod.name for each in self.pods.values() for pod in each if not pod.leaving}
        before, self.led = self.led, self._endpoints()
        alive = {pod.name for name in self.pods for pod in self._ready(name)}
        self.served.append(len(before & alive))
        for name, found in list(self.deployments.items()):
            spec, mine = found["spec"], self.pods[name]
            since = self._deleted[name] = self._deleted.get(name, 0) + ("deletionTimestamp" in found["metadata"])
            wanted = 0 if since > self.collects_after else spec["replicas"]
            staying = [pod for pod in mine if not pod.leaving]
            for pod in staying[wanted:]:
                pod.leaving = 1
            labels = spec["template"]["metadata"]["labels"]
            mine += [self._pod(name, labels) for _ in range(wanted - len(staying))]
            for pod in mine:
                pod.age, pod.leaving = pod.age + 1, pod.leaving + bool(pod.leaving)
            self.pods[name] = [pod for pod in mine if pod.leaving <= self.ends_after]
            if found["metadata"].get("deletionTimestamp") and not self.pods[name]:
                del self.deployments[name], self.pods[name]

    # -- its API

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Object:
        self.on_ask(method, path)
        with self._lock:
            self.asked.append((method, path))
            self._tick()
            return copy.deepcopy(self._answer(method, path, body, options))

    def _answer(self, method: str, path: str, body: Any, options: Any) -> Object:
        parts = path.split("/")
        kind, name = (*parts[parts.index("namespaces") + 2 :], "", "")[:2] if "namespaces" in parts else ("", "")
        if path == "/api/v1/namespaces":
            return {"items": []}
        if "namespaces" in parts and not kind:
            raise Refused("no such namespace", 404, "NotFound")
        if path == "/api/v1/nodes":
            return {"items": [{"status": {"nodeInfo": {"bootID": "elsewhere"}}}]}
        if kind == "services":
            metadata = {"name": name, "uid": f"{name} of {self.made}", "annotations": self.marks}
            found = {"metadata": metadata, "spec": {"selector": self.selector}}
            if method == "PATCH":
                found = copy.deepcopy(found)
                self._patched(found, body)
                self.selector, self.marks = found["spec"]["selector"], found["metadata"]["annotations"]
            return found
        if kind == "endpoints":
            return {"subsets": [{"addresses": [{"targetRef": {"name": each}} for each in sorted(self.led)]}]}
        if kind == "pods":
            return {"items": [self._described(owner, pod) for owner, each in self.pods.items() for pod in each]}
        return self._deployment(method, name, body, options)

    def _described(self, owner: str, pod: Pod) -> Object:
        is_ready = "True" if pod in self._ready(owner) else "False"
        leaving = {"deletionTimestamp": "now"} if pod.leaving else {}
        return {
            "metadata": {
                "name": pod.name,
                "uid": pod.name,
                "labels": pod.labels,
                "ownerReferences": [{"kind": "ReplicaSet", "name": f"{owner}-{pod.labels[HASH]}"}],
                **leaving,
            },
            "status": {"conditions": [{"type": "Ready", "status": is_ready}]},
        }

    def _deployment(self, method: str, name: str, body: Any, options: Any) -> Object:
        if method == "POST":
            called = body["metadata"]["name"]
            if called in self.deployments:
                raise Refused(f'deployments.apps "{called}" already exists', 409, "AlreadyExists")
            made = copy.deepcopy(body)
            made["metadata"] |= self._about(called)
            self.deployments[called], self.pods[called] = made, []
            return {}
        if not name:
            wanted = options["query"]["labelSelector"].partition("=")[::2]
            mine = [each for each in self.deployments.values() if wanted in (each["metadata"]["labels"] or {}).items()]
            return {"items": mine}
        if name not in self.deployments:
            raise Refused(f"no Deployment {name}", 404, "NotFound")
        found = self.deployments[name]
        if method == "DELETE":
            wanted = (body or {}).get("preconditions", {}).get("uid", found["metadata"]["uid"])
            if wanted != found["metadata"]["uid"]:
                raise Refused("the uid in the precondition is another", 409, "Conflict")
            found["metadata"]["deletionTimestamp"] = "now"
        if method == "PATCH":
            self._patched(found, body)
        ready = len(self._ready(name))
        status = {"observedGeneration": 1, "updatedReplicas": len(self.pods[name]), "availableReplicas": ready}
        return {**found, "status": status}

    @staticmethod
    def _patched(found: Object, body: Any) -> None:
        if not isinstance(body, list):
            merge(found, body)
            return
        for each in body:
            *above, last = [part.replace("~1", "/") for part in each["path"].split("/")[1:]]
            place = found
            for part in above:
                place = place[part]
            if each["op"] == "remove":
                del place[last]
            else:
                assert each["op"] == "replace" and last in place
                place[last] = each["value"]


def merge(found: Object, patch: Object) -> None:
    """As a server does it: None removes, and of lists the elements of one name are merged."""
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, dict):
            merge(found.setdefault(key, {}), value)
        elif isinstance(value, list):
            named = {each["name"]: each for each in found.get(key, [])}
            for each in value:
                merge(named.setdefault(each["name"], {}), each)
            found[key] = list(named.values())
        else:
            found[key] = value


# -- one that a run is attached to


def a_shop(where: str = "https://127.0.0.1:6443") -> Shop:
    made = Shop(where)
    made.add("web", 3, {"app": "web"})
    made.add("jobs", 1, {"app": "jobs"})
    return made


def up_of(shop: Shop, folder: Path) -> Up:
    nothing = cast(Any, None)
    order = Deployment(
        "changes-1", folder, folder / "l", 3, 1, folder, nothing, nothing, "/h", "/r", found=folder / "f"
    )
    return Up(order, PART, cast(Cluster, shop), False, ExitStack())


def numbers(shop: Shop) -> dict[str, int]:
    """What is wanted of each Deployment that is to stay."""
    return {
        name: each["spec"]["replicas"]
        for name, each in shop.deployments.items()
        if not each["metadata"].get("deletionTimestamp")
    }


def noted(shop: Shop, folder: Path) -> Path:
    """The file that says how a run found it."""
    up = up_of(shop, folder)
    attaching.selectors(up.cluster, up.deployment, PART, "shop")
    assert up.deployment.found is not None
    return up.deployment.found
