"""What is somebody else's: watched as far as the contract names it, and brought back to what it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.kubernetes import attach as attaching
from harness.platforms.kubernetes.api import Cluster
from harness.platforms.kubernetes.changes import Changes
from harness.platforms.kubernetes.platform import KubernetesPlatform
from tests.support.kubernetes_shop import PART, Shop, a_shop, noted, numbers, up_of

# Private names: `_up` is what a deployment leaves in a platform: it is put together by hand, since a real one needs a
# cluster. `_listed` and `_changed` are what its watch calls. `_patched` is the pretended cluster's own. `_LOOK_S` and
# `_BACK_S` are waits, shortened.


@pytest.fixture
def shop() -> Shop:
    return a_shop()


@pytest.fixture
def changes(shop: Shop, tmp_path: Path) -> Changes:
    return Changes(up_of(shop, tmp_path))


def a_pod(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"uid": name, "name": name, "labels": labels, "creationTimestamp": "now"}}


def test_of_somebody_elses_namespace_only_what_the_contract_names_is_watched(shop: Shop, tmp_path: Path):
    shop.add("ledger", 1, {"app": "ledger"})
    up = up_of(shop, tmp_path)
    up.part = PART.model_copy(update={"ledger": "ledger"})
    up.selectors = attaching.selectors(up.cluster, up.deployment, up.part, "shop")
    platform = KubernetesPlatform()
    platform._up = up
    theirs, ledger = a_pod("report-1", app="report"), a_pod("ledger-1", app="ledger")
    platform._listed([theirs, ledger, a_pod("web-1", app="web"), a_pod("jobs-1", app="jobs")])
    assert [each.name for each in platform.members()] == ["replica-1", "worker-1"]
    assert list(up.roster.others) == ["ledger-1"], "nothing else is waited for"
    platform._changed("DELETED", theirs)
    assert up.roster.broken == {}
    platform._changed("DELETED", ledger)
    assert list(up.roster.broken) == ["ledger-1"]


def a_state(pod: dict[str, Any], restarts: int = 0, *, ready: bool = True, policy: str = "Always") -> dict[str, Any]:
    running = {"name": "c", "restartCount": restarts, "state": {"running": {"startedAt": "then"}}}
    conditions = [{"type": "Ready", "status": str(ready)}]
    spec = {"containers": [{"name": "c"}], "restartPolicy": policy}
    return {**pod, "spec": spec, "status": {"containerStatuses": [running], "conditions": conditions}}


def test_a_restart_of_what_may_be_the_store_is_noticed(shop: Shop, tmp_path: Path):
    """The contract does not name it; nor need anything else of its owner's stay as it is."""
    up = up_of(shop, tmp_path)
    up.selectors = attaching.selectors(up.cluster, up.deployment, up.part, "shop")
    platform = KubernetesPlatform()
    platform._up = up
    store, job, loops, leaves = (a_pod(name, app=name) for name in ("store-1", "report-1", "loops-1", "leaves-1"))
    platform._listed([a_state(store, 2), a_state(job, policy="OnFailure"), a_state(loops, ready=False), leaves])
    for pod in (a_state(job, 1, policy="OnFailure"), a_state(loops, 1), a_state(store, 2, ready=False)):
        platform._changed("MODIFIED", pod)
    platform._changed("DELETED", leaves)
    platform._changed("ADDED", a_state(a_pod("new-1", app="new"), ready=False))
    platform._changed("MODIFIED", a_state(a_pod("new-1", app="new"), 1))
    assert platform.failures() == [] and up.roster.others == {} and platform.members() == []
    platform._changed("MODIFIED", a_state(store, 3))
    assert platform.failures() == ["store-1, which may be the store of the target, was restarted during the run"]


def test_a_ledger_that_is_not_there_is_told_before_anything_is_noted(shop: Shop, tmp_path: Path):
    up = up_of(shop, tmp_path)
    part = PART.model_copy(update={"ledger": "ledger"})
    with pytest.raises(EnvironmentFailure, match="the target to attach to is not there: no Deployment ledger"):
        attaching.selectors(up.cluster, up.deployment, part, "shop")
    assert up.deployment.found is not None and not up.deployment.found.exists()


@pytest.fixture
def attached(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Cluster, "connect", lambda: shop)
    monkeypatch.setattr(attaching, "_LOOK_S", 0.001)
    return noted(shop, tmp_path)


def test_somebody_elses_service_answers_while_it_is_brought_back(shop: Shop, changes: Changes, attached: Path):
    changes.switch("replica", {}, 5)
    while shop.pods["web"]:
        shop.ask("GET", "/api/v1/nodes")
    for pod in shop.pods["web-v2"]:
        pod.age = 20
    shop.ready_after, shop.lag = 20, 9
    shop.served.clear()
    done = attaching.restore(attached)
    assert min(shop.served) == 3, "as many ready pods as ever are reached, at every look"
    assert done == [
        "Deployment web has its replicas again",
        "Service web of namespace shop selects again what it did",
        "removed Deployment web-v2 of namespace shop",
    ]
    assert numbers(shop) == {"web": 3, "jobs": 1} == {name: len(each) for name, each in shop.pods.items()}
    assert shop.selector == {"app": "web"} and "web-v2" not in shop.deployments, "not only asked to go"
    assert attaching.restore(attached) == []


def test_what_was_added_serves_on_while_what_was_there_does_not_come_up(
    shop: Shop, changes: Changes, attached: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(attaching, "_BACK_S", 0.2)
    changes.switch("replica", {}, 5)
    shop.slow.add("web")
    shop.served.clear()
    with pytest.raises(EnvironmentFailure, match=r"of Deployment web 0 of 3 pods.*kubectl -n shop.*harness recover"):
        attaching.restore(attached)
    assert min(shop.served[2:]) == 3 and numbers(shop)["web-v2"] == 3
    shop.slow.clear()
    monkeypatch.setattr(attaching, "_BACK_S", 10)
    attaching.restore(attached)
    assert numbers(shop) == {"web": 3, "jobs": 1}


def test_it_is_looked_at_again_whether_all_is_as_it_was(
    shop: Shop, changes: Changes, attached: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(attaching, "_BACK_S", 0.2)
    changes.scale("worker", 2)
    monkeypatch.setattr(shop, "_patched", lambda found, body: None)
    with pytest.raises(EnvironmentFailure, match="Deployment jobs is another"):
        attaching.restore(attached)


def test_another_cluster_is_left_alone_and_told_from_what_was_made_anew(
    shop: Shop, attached: Path, monkeypatch: pytest.MonkeyPatch
):
    other = a_shop("https://127.0.0.2:6443")
    other.deployments["web"]["spec"]["replicas"] = 5
    monkeypatch.setattr(Cluster, "connect", lambda: other)
    with pytest.raises(EnvironmentFailure, match=rf"shop of the cluster at {shop.where} is in that .*KUBECONFIG"):
        attaching.restore(attached)
    other.where = shop.where
    assert attaching.restore(attached) == [
        f"{each} is not in namespace shop of the cluster at {shop.where} any more: somebody removed it"
        for each in ("Deployment web", "Deployment jobs", "Service web")
    ]
    assert {method for method, _ in other.asked} == {"GET"} and numbers(other) == {"web": 5, "jobs": 1}
