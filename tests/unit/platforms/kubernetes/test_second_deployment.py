"""Second Deployments in a namespace of somebody else's, when nothing but the cluster tells of their run."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.kubernetes import attach as attaching
from harness.platforms.kubernetes import namespace as namespaces
from harness.platforms.kubernetes import recover as recovering
from harness.platforms.kubernetes import second_deployment as besides
from harness.platforms.kubernetes.api import Cluster, Refused
from harness.platforms.kubernetes.changes import Changes
from harness.platforms.kubernetes.manifests import HASH, HOST, LEASE, MANAGED, OURS, RUN, VERSION
from harness.platforms.kubernetes.platform import KubernetesPlatform
from tests.support.kubernetes_shop import Shop, a_shop, noted, numbers, up_of

# Private names: `_up` is what a deployment leaves in a platform, and `_select` the half of a switch after which a run
# may die. `_LOOK_S`, `_BACK_S` and `_GONE_S` are waits, shortened.

RUN_ID = "changes-1"
NAMED = "Deployment web-v2 of namespace shop"


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = a_shop()
    monkeypatch.setattr(Cluster, "connect", lambda: made)
    monkeypatch.setattr(recovering, "is_configured", lambda: True)
    monkeypatch.setattr(attaching, "_LOOK_S", 0.001)
    monkeypatch.setattr(besides, "_LOOK_S", 0.001)
    return made


@pytest.fixture
def changes(shop: Shop, tmp_path: Path) -> Changes:
    return Changes(up_of(shop, tmp_path))


def annotations(shop: Shop, name: str = "web-v2") -> dict[str, str]:
    found: dict[str, str] = shop.deployments[name]["metadata"]["annotations"]
    return found


def test_only_what_this_run_added_is_removed(shop: Shop, changes: Changes, tmp_path: Path):
    found = noted(shop, tmp_path)
    changes.switch("replica", {}, 5)
    shop.add("web-v9", 2, {"app": "other"})
    shop.deployments["web-v9"]["metadata"] |= {"labels": {MANAGED: OURS}, "annotations": {RUN: "changes-11"}}
    attaching.restore(found)
    assert numbers(shop) == {"web": 3, "jobs": 1, "web-v9": 2}


def test_a_run_whose_folder_is_gone_is_found_by_what_it_added(shop: Shop, changes: Changes):
    assert recovering.runs() == {}
    changes.switch("replica", {}, 5)
    assert recovering.runs() == {RUN_ID: False}
    assert recovering.leftovers(RUN_ID) == [f"{NAMED} (beside a target that ran before)"]
    assert recovering.leftovers("changes-11") == []


@pytest.mark.live
def test_what_is_in_the_place_of_the_target_is_left_and_the_way_back_is_said(shop: Shop, changes: Changes):
    changes.switch("replica", {}, 5)
    (said,) = recovering.remove(RUN_ID)
    assert said.startswith(f"left {NAMED}: Service web sends requests to it. ")
    assert "`kubectl -n shop scale deployment web --replicas=N`" in said and "kubectl -n shop edit service web" in said
    del shop.selector[VERSION]
    (said,) = recovering.remove(RUN_ID)
    assert said.startswith(f"left {NAMED}: Deployment web, in whose place it is, is scaled to nothing. ")
    shop.deployments["web"]["spec"]["replicas"] = 3
    settled(shop)
    assert recovering.remove(RUN_ID) == [f"removed {NAMED}"]
    assert numbers(shop) == {"web": 3, "jobs": 1} and recovering.remove(RUN_ID) == [] and recovering.runs() == {}


def settled(shop: Shop) -> None:
    """The cluster does what is asked of it."""
    for _ in range(shop.ready_after + 1):
        shop.ask("GET", "/api/v1/nodes")


@pytest.mark.live
def test_it_does_the_work_until_what_was_there_does_it_again(
    shop: Shop, changes: Changes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A recovery that could not bring the target back removes what it can all the same."""
    found = noted(shop, tmp_path)
    changes.switch("worker", {}, 5)
    monkeypatch.setattr(attaching, "_BACK_S", 0.0)
    shop.slow.add("jobs")
    with pytest.raises(EnvironmentFailure, match="of Deployment jobs 0 of 1 pods are available"):
        recovering.settle(found)
    (said,) = recovering.remove(RUN_ID)
    named = "left Deployment jobs-v2 of namespace shop: Deployment jobs, in whose place it is,"
    assert said.startswith(f"{named} has 0 of 1 pods available. ") and numbers(shop)["jobs-v2"] == 1
    shop.slow.clear()
    shop.deployments["jobs"]["metadata"]["generation"] = 2
    assert recovering.remove(RUN_ID)[0].startswith(f"{named} is being changed by the cluster just now. ")
    shop.deployments["jobs"]["metadata"]["generation"] = 1
    assert recovering.remove(RUN_ID) == ["removed Deployment jobs-v2 of namespace shop"]


@pytest.mark.live
def test_a_service_that_selects_one_version_only_is_not_forgotten(shop: Shop, changes: Changes):
    """Its owner's next version would get no requests."""
    changes.switch("worker", {}, 5)
    shop.deployments["jobs"]["spec"]["replicas"] = 1
    changes._select({HASH: "of-web"}, RUN_ID)
    (said,) = recovering.remove(RUN_ID)
    assert f"left Deployment jobs-v2 of namespace shop: Service web still has the label {HASH}" in said
    changes._select({HASH: None}, RUN_ID)
    settled(shop)
    assert recovering.remove(RUN_ID) == ["removed Deployment jobs-v2 of namespace shop"]


def test_one_that_does_not_go_is_named(shop: Shop, changes: Changes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(besides, "_GONE_S", 0.0)
    changes.switch("worker", {}, 5)
    shop.deployments["jobs"]["spec"]["replicas"] = 1
    shop.ends_after = 10_000
    settled(shop)
    with pytest.raises(EnvironmentFailure, match="Deployment jobs-v2 of namespace shop: still there"):
        recovering.remove(RUN_ID)


def test_who_may_not_look_into_all_namespaces_sees_none(shop: Shop, changes: Changes):
    def refuse(status: int, path: str) -> None:
        if path == "/apis/apps/v1/deployments":
            raise Refused("not at the scope of the cluster", status, "Forbidden")

    changes.switch("replica", {}, 5)
    shop.on_ask = lambda method, path: refuse(403, path)
    assert recovering.runs() == {} and recovering.leftovers(RUN_ID) == [] and recovering.remove(RUN_ID) == []
    shop.on_ask = lambda method, path: refuse(500, path)
    with pytest.raises(Refused):
        recovering.runs()


@pytest.mark.live
def test_an_attached_run_shows_that_it_is_in_progress(
    shop: Shop, changes: Changes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    platform = KubernetesPlatform()
    platform._up = changes._up
    platform.renew_lease()
    assert {method for method, _ in shop.asked} <= {"GET"}
    changes.switch("replica", {}, 5)
    annotations(shop)[HOST] = "another/1"
    monkeypatch.setattr(namespaces, "WATCHED_S", 0.0)
    assert recovering.runs() == {RUN_ID: False}
    annotations(shop)[LEASE] = "before"
    monkeypatch.setattr(namespaces.time, "sleep", lambda _: platform.renew_lease())
    assert recovering.runs() == {RUN_ID: True}
    shop.deployments.pop("web-v2"), shop.pods.pop("web-v2")
    platform.renew_lease()


def test_what_is_in_a_namespace_of_the_runs_own_goes_with_that(shop: Shop, changes: Changes):
    changes.switch("replica", {}, 5)
    shop.deployments["web-v2"]["metadata"]["namespace"] = besides.namespace_of(RUN_ID)
    assert recovering.runs() == {}
