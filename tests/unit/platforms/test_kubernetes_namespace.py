from __future__ import annotations

import time
from typing import Any, cast

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms import kubernetes_namespace as namespaces
from harness.platforms import kubernetes_node as node
from harness.platforms.kubernetes_api import Cluster, Refused
from harness.platforms.kubernetes_manifests import HOST, LEASE, RUN, namespace_of


class Pretended:
    """A cluster that has namespaces and pods, and forgets what is deleted; `stuck` ones stay."""

    where = "https://pretended"

    def __init__(self, *spaces: dict[str, Any], stuck: bool = False, nodes: tuple[str, ...] = ("elsewhere",)) -> None:
        self.spaces = {each["metadata"]["name"]: each for each in spaces}
        self.pods = [{"metadata": {"uid": "no-such-uid"}}]
        self.stuck, self.nodes = stuck, nodes
        self.asked: list[tuple[str, str]] = []

    def ask(self, method: str, path: str, body: Any = None, **_: Any) -> dict[str, Any]:
        self.asked.append((method, path))
        name = path.split("/")[4] if path.startswith("/api/v1/namespaces/") else ""
        if path == "/api/v1/namespaces" and method == "POST":
            if body["metadata"]["name"] in self.spaces:
                raise Refused("it is there", 409, "AlreadyExists")
            self.spaces[body["metadata"]["name"]] = body
            return {}
        if path == "/api/v1/namespaces":
            return {"items": list(self.spaces.values())}
        if path == "/api/v1/nodes":
            return {"items": [{"status": {"nodeInfo": {"bootID": boot}}} for boot in self.nodes]}
        if path.endswith("/pods"):
            found, self.pods = self.pods, [] if method == "DELETE" else self.pods
            return {"items": found}
        if name and name not in self.spaces:
            raise Refused("not there", 404, "NotFound")
        if method == "DELETE" and name and path.endswith(name) and not self.stuck:
            del self.spaces[name]
        return self.spaces.get(name, {})


def space(run_id: str, name: str | None = None, host: str = "", lease: float | None = None) -> dict[str, Any]:
    marks = {RUN: run_id, HOST: host, **({} if lease is None else {LEASE: str(time.time() + lease)})}
    return {"metadata": {"name": name or namespace_of(run_id), "annotations": marks}}


def pretended(*spaces: dict[str, Any], **options: Any) -> Cluster:
    return cast(Cluster, Pretended(*spaces, **options))


def test_who_is_in_progress_is_said_by_the_lease_of_another_machine_alone():
    here = node.kernel()
    cluster = pretended(
        space("mine", host=here, lease=30),
        space("theirs", host="another", lease=30),
        space("dead", host="another", lease=-1),
        space("old", host="another"),
        {"metadata": {"name": "strangers"}},
    )
    assert namespaces.runs(cluster) == {"mine": False, "theirs": True, "dead": False, "old": False}


def test_a_namespace_is_a_runs_only_if_it_says_so():
    other = space("another", name=namespace_of("mine"))
    assert namespaces.is_there(pretended(space("mine")), "mine")
    assert not namespaces.is_there(pretended(), "mine")
    assert not namespaces.is_there(pretended(other), "mine")


def test_what_a_dead_run_left_is_in_the_way_and_named():
    cluster = pretended()
    assert namespaces.create(cluster, "mine") == namespace_of("mine")
    with pytest.raises(EnvironmentFailure, match=r"is there already.*harness recover"):
        namespaces.create(cluster, "mine")


def test_what_is_left_is_named_pod_by_pod():
    cluster = pretended(space("mine"))
    cast(Pretended, cluster).pods = [{"metadata": {"uid": "u", "name": "p"}}]
    name = namespace_of("mine")
    assert namespaces.leftovers(cluster, "mine") == [f"namespace {name}", f"pod p of namespace {name}"]
    assert namespaces.leftovers(cluster, "yours") == []


def test_what_makes_pods_goes_first_then_the_pods_then_the_namespace():
    cluster = pretended(space("mine"))
    namespaces.remove(cluster, "mine")
    asked = [path.rpartition("/")[2] for method, path in cast(Pretended, cluster).asked if method == "DELETE"]
    assert asked == ["deployments", "statefulsets", "daemonsets", "replicasets", "pods", namespace_of("mine")]
    assert not namespaces.is_there(cluster, "mine")


def test_a_namespace_that_stays_is_named_with_the_reason(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(namespaces, "_REMOVAL_S", 0.0)
    stuck = space("mine") | {"status": {"conditions": [{"status": "True", "message": "a finalizer waits"}]}}
    with pytest.raises(EnvironmentFailure, match=r"is not gone.*a finalizer waits"):
        namespaces.remove(pretended(stuck, stuck=True), "mine")


def test_a_namespace_of_somebody_else_is_never_removed():
    cluster = pretended(space("another", name=namespace_of("mine")))
    namespaces.remove(cluster, "mine")
    assert [method for method, _ in cast(Pretended, cluster).asked] == ["GET"]
