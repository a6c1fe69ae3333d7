"""Scaling, rolls and switches: each lands whole, or leaves nothing."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.kubernetes import attach as attaching
from harness.platforms.kubernetes import changes as changing
from harness.platforms.kubernetes.api import Cluster, Refused, Unreachable
from harness.platforms.kubernetes.changes import Changes
from harness.platforms.kubernetes.manifests import HASH, RUN, VERSION
from harness.platforms.kubernetes.platform import KubernetesPlatform
from tests.support.in_time import in_time
from tests.support.kubernetes_shop import PART, Shop, a_shop, numbers, up_of

# Private names: `_up` and `_changes` are what a deployment leaves in a platform: they are put together by hand, since a
# real one needs a cluster. `_deployment` is the pretended cluster's own. `_AGAIN_S` and `_UNDO_S` are waits, shortened.


@pytest.fixture
def shop() -> Shop:
    return a_shop()


@pytest.fixture
def changes(shop: Shop, tmp_path: Path) -> Changes:
    return Changes(up_of(shop, tmp_path))


def test_a_switch_hands_over_when_all_of_the_new_version_is_available(shop: Shop, changes: Changes):
    changes.switch("replica", {"COLOUR": "green"}, 5)
    assert numbers(shop) == {"web": 0, "jobs": 1, "web-v2": 3}
    assert shop.selector == {"app": "web", VERSION: "2"}
    changes.scale("replica", 4)
    assert numbers(shop)["web-v2"] == 4
    changes.switch("worker", {}, 5)
    assert numbers(shop) == {"web": 0, "jobs": 0, "web-v2": 4, "jobs-v2": 1} and shop.selector[VERSION] == "2"


def reached(shop: Shop) -> set[str]:
    """The Deployments whose pods get requests."""
    return {name.rpartition("-")[0] for name in shop.led}


@pytest.mark.parametrize("is_in_time", [True, False])
def test_the_next_version_gets_no_request_before_the_hand_over(shop: Shop, changes: Changes, is_in_time: bool):
    """Nor when it is taken back, and becomes ready while it goes."""
    looks: list[tuple[int, set[str]]] = []

    def look(method: str, path: str) -> None:
        looks.append((shop.deployments["web"]["spec"]["replicas"], reached(shop)))
        if not is_in_time and shop.pods.get("web-v2"):
            abort.set()

    shop.on_ask, abort = look, threading.Event()
    if is_in_time:
        changes.switch("replica", {}, 5)
    else:
        shop.collects_after = 8
        with pytest.raises(EnvironmentFailure, match="the run is being ended"):
            changes.switch("replica", {}, 5, abort)
        for _ in range(5):
            shop.ask("GET", "/api/v1/nodes")
    before = [who for wanted, who in looks if wanted]
    assert before and all(who <= {"web"} for who in before)
    assert shop.selector == ({"app": "web", VERSION: "2"} if is_in_time else {"app": "web"})
    assert (RUN in shop.marks) is is_in_time


def test_a_selector_that_names_a_version_is_not_narrowed(shop: Shop, changes: Changes):
    changes.switch("replica", {}, 5)
    seen: list[dict[str, str]] = []
    shop.on_ask = lambda method, path: seen.append(shop.selector)
    changes.switch("replica", {}, 5)
    assert {str(each) for each in seen[:-1]} == {str({"app": "web", VERSION: "2"})} and shop.selector[VERSION] == "3"


def test_a_target_whose_rollout_is_under_way_is_not_switched(shop: Shop, changes: Changes):
    """No label tells all of its pods from those of the next version."""
    shop.pods["web"][0].labels[HASH] = "older"
    with pytest.raises(EnvironmentFailure, match=r"Deployment web has pods of 2 versions.*rollout"):
        changes.switch("replica", {}, 5)
    assert numbers(shop) == {"web": 3, "jobs": 1} and shop.selector == {"app": "web"}


@pytest.mark.parametrize("way", ["deadline", "abort"])
def test_a_switch_that_is_given_up_leaves_nothing_and_lands_no_more(shop: Shop, changes: Changes, way: str):
    shop.slow.add("web-v2")
    abort = threading.Event()
    if way == "abort":
        shop.on_ask = lambda method, path: abort.set() if len(shop.asked) > 6 else None
    why = {"deadline": "not within 0.3 s", "abort": "the run is being ended"}[way]
    deadline_s = 0.3 if way == "deadline" else 60
    with pytest.raises(EnvironmentFailure, match=f"{why}.*of Deployment web-v2 0 of 3 pods are available"):
        in_time(lambda: changes.switch("replica", {}, deadline_s, abort))
    shop.slow.clear()
    shop.on_ask = lambda method, path: None
    assert numbers(shop) == {"web": 3, "jobs": 1} and shop.selector == {"app": "web"}
    assert changes._up.second_deployments == set(), "that it is in use is not shown on what may take its name"
    changes.scale("replica", 2)
    assert numbers(shop) == {"web": 2, "jobs": 1}


def test_a_version_that_comes_too_late_is_not_switched_to(shop: Shop, changes: Changes):
    """All of it is available at the very look at which the run begins to heal."""
    abort = threading.Event()
    shop.ready_after = 0
    shop.on_ask = lambda method, path: abort.set() if path.endswith("web-v2") and "web-v2" in shop.deployments else None
    with pytest.raises(EnvironmentFailure, match="the run is being ended"):
        changes.switch("replica", {}, 60, abort)
    assert numbers(shop) == {"web": 3, "jobs": 1} and shop.selector == {"app": "web"}


def test_a_hand_over_that_breaks_off_half_way_is_taken_back(shop: Shop, changes: Changes):
    def refuse(method: str, path: str) -> None:
        if method == "PATCH" and path.endswith("deployments/web"):
            raise Refused("no right to scale", 403, "Forbidden")

    shop.on_ask = refuse
    with pytest.raises(EnvironmentFailure, match="no right to scale"):
        changes.switch("replica", {}, 5)
    assert numbers(shop) == {"web": 3, "jobs": 1} and shop.selector == {"app": "web"}


def test_a_hand_over_whose_answer_was_lost_is_done(shop: Shop, changes: Changes):
    def lose(method: str, path: str) -> None:
        if method == "PATCH" and path.endswith("deployments/web"):
            shop.deployments["web"]["spec"]["replicas"] = 0
            raise EnvironmentFailure("does not answer")

    shop.on_ask = lose
    with pytest.raises(EnvironmentFailure, match="does not answer"):
        changes.switch("replica", {}, 5)
    assert numbers(shop) == {"web": 0, "jobs": 1, "web-v2": 3} and shop.selector[VERSION] == "2"
    changes.scale("replica", 1)
    assert numbers(shop)["web-v2"] == 1


def test_a_name_that_somebody_elses_deployment_has_is_not_taken(shop: Shop, changes: Changes):
    shop.add("web-v2", 2, {"app": "unrelated"})
    changes.switch("replica", {}, 5)
    assert numbers(shop) == {"web": 0, "jobs": 1, "web-v2": 2, "web-v3": 3}
    assert shop.selector == {"app": "web", VERSION: "3"}
    assert "DELETE" not in [method for method, _ in shop.asked]


def test_a_deployment_that_is_called_like_a_second_version_is_not_its_own_second(shop: Shop, tmp_path: Path):
    shop.add("shop-v2", 2, {"app": "shop"})
    up = up_of(shop, tmp_path)
    up.workloads["replica"] = "shop-v2"
    Changes(up).switch("replica", {}, 5)
    assert numbers(shop) == {"web": 3, "jobs": 1, "shop-v2": 0, "shop-v3": 2}


def test_a_name_that_somebody_takes_meanwhile_stays_theirs(shop: Shop, changes: Changes):
    def take(method: str, path: str) -> None:
        if method == "POST":
            shop.add("web-v2", 2, {"app": "unrelated"})
            # Whoever looks at the number alone takes this for a hand-over whose answer was lost.
            shop.deployments["web"]["spec"]["replicas"] = 0

    shop.on_ask = take
    with pytest.raises(EnvironmentFailure, match="already exists"):
        changes.switch("replica", {}, 5)
    shop.on_ask = lambda method, path: None
    assert numbers(shop)["web-v2"] == 2 and "DELETE" not in [method for method, _ in shop.asked]
    assert changes._up.second_deployments == set()
    changes.scale("replica", 1)
    assert numbers(shop)["web"] == 1, "it is not mistaken for the second version"


@pytest.mark.parametrize("is_made", [True, False])
def test_a_second_version_whose_making_was_not_answered_goes_if_it_is_the_runs(
    shop: Shop, changes: Changes, is_made: bool
):
    real = shop._deployment

    def lose(method: str, name: str, body: Any, options: Any) -> Any:
        if method != "POST":
            return real(method, name, body, options)
        real(method, name, body, options) if is_made else shop.add("web-v2", 2, {"app": "unrelated"})
        raise Unreachable("does not answer")

    shop._deployment = lose  # type: ignore[method-assign]
    with pytest.raises(EnvironmentFailure, match="does not answer"):
        changes.switch("replica", {}, 5)
    assert numbers(shop) == {"web": 3, "jobs": 1, **({} if is_made else {"web-v2": 2})}


def test_what_cannot_be_undone_is_told(shop: Shop, changes: Changes):
    def refuse(method: str, path: str) -> None:
        if method == "DELETE":
            raise Refused("no right to delete", 403, "Forbidden")

    shop.slow.add("web-v2")
    shop.on_ask = refuse
    with pytest.raises(EnvironmentFailure, match=r"not within 0.2 s.*nor could it be undone: no right to delete"):
        changes.switch("replica", {}, 0.2)


@pytest.mark.parametrize("is_in_time", [True, False])
def test_a_switch_selects_by_the_version_alone_and_its_way_back_as_before(
    shop: Shop, changes: Changes, is_in_time: bool
):
    """No pod bears the hash of an older version beside the label of the next."""
    before = shop.selector = {"app": "web", HASH: "of-web"}
    if is_in_time:
        changes.switch("replica", {}, 5)
    else:
        shop.slow.add("web-v2")
        with pytest.raises(EnvironmentFailure, match=r"not within 0.2 s"):
            changes.switch("replica", {}, 0.2)
    assert shop.selector == ({"app": "web", VERSION: "2"} if is_in_time else before)


@pytest.mark.parametrize("lands", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize("which", range(1, 13))
def test_a_way_back_that_gets_no_answer_is_gone_again(
    shop: Shop, changes: Changes, monkeypatch: pytest.MonkeyPatch, which: int, lands: bool
):
    """Whichever of its requests that is, and whether the cluster has done it or not."""
    monkeypatch.setattr(changing, "_AGAIN_S", 0.001)
    real, since = shop.ask, list[str]()

    def lose(method: str, path: str, *rest: Any, **more: Any) -> Any:
        if since or (path.endswith("/web-v2") and "web-v2" in shop.deployments):
            since.append(path)
        is_lost = len(since) in (1, 1 + which, 2 + which)
        answer = real(method, path, *rest, **more) if lands or not is_lost else {}
        if is_lost:
            raise Unreachable("does not answer")
        return answer

    monkeypatch.setattr(shop, "ask", lose)
    with pytest.raises(EnvironmentFailure) as raised:
        changes.switch("replica", {}, 60)
    assert str(raised.value) == "does not answer" and since
    assert numbers(shop) == {"web": 3, "jobs": 1} and shop.selector == {"app": "web"} and RUN not in shop.marks


def test_what_stays_half_done_is_not_made_worse(shop: Shop, changes: Changes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(changing, "_AGAIN_S", 0.001)
    monkeypatch.setattr(changing, "_UNDO_S", 0.1)

    def lose(method: str, path: str) -> None:
        if "web-v2" in shop.deployments:
            raise Unreachable("does not answer")

    shop.on_ask = lose
    with pytest.raises(EnvironmentFailure, match="does not answer; nor could it be undone: does not answer"):
        changes.switch("replica", {}, 60)
    shop.on_ask = lambda method, path: None
    for change in (lambda: changes.roll("replica", {}), lambda: changes.switch("worker", {}, 5)):
        with pytest.raises(
            EnvironmentFailure, match=r"namespace shop is between two versions.*Deployment web-v2.*kubectl.*recover"
        ):
            change()
    assert numbers(shop) == {"web": 3, "jobs": 1, "web-v2": 3}


def test_who_tears_down_does_not_wait_for_a_way_back_without_answers(shop: Shop, changes: Changes):
    lost = threading.Event()

    def lose(method: str, path: str) -> None:
        if "web-v2" in shop.deployments:
            lost.set()
            raise Unreachable("does not answer")

    shop.on_ask = lose
    failed: list[str] = []

    def switch() -> None:
        try:
            changes.switch("replica", {}, 60)
        except EnvironmentFailure as error:
            failed.append(str(error))

    switching = threading.Thread(target=switch)
    switching.start()
    assert lost.wait(5)
    in_time(changes.close)
    switching.join(5)
    assert failed == ["does not answer"]


def test_nothing_lands_after_the_close_and_the_close_waits_for_what_is_under_way(shop: Shop, changes: Changes):
    sent, go, closed = threading.Event(), threading.Event(), threading.Event()

    def hold(method: str, path: str) -> None:
        if method == "PATCH" and path.endswith("deployments/web"):
            sent.set()
            assert go.wait(5)

    shop.on_ask = hold
    scaling = threading.Thread(target=changes.scale, args=("replica", 1))
    scaling.start()
    assert sent.wait(5)
    closing = threading.Thread(target=lambda: (changes.close(), closed.set()))
    closing.start()
    assert not closed.wait(0.1), "a request is under way"
    go.set()
    assert closed.wait(5)
    scaling.join(5)
    before = list(shop.asked)
    for change in (
        lambda: changes.scale("replica", 3),
        lambda: changes.roll("replica", {}),
        lambda: changes.switch("replica", {}, 5),
    ):
        with pytest.raises(EnvironmentFailure, match="torn down"):
            change()
    changes.give_up("replica")
    assert shop.asked == before


def test_a_tear_down_ends_a_switch_before_it_brings_back(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Cluster, "connect", lambda: shop)
    shop.slow.add("web-v2")
    up = up_of(shop, tmp_path)
    attaching.selectors(up.cluster, up.deployment, PART, "shop")
    platform = KubernetesPlatform()
    platform._up, platform._changes = up, Changes(up)
    failed: list[str] = []

    def switch() -> None:
        try:
            platform.switch("replica", {}, 60)
        except EnvironmentFailure as error:
            failed.append(str(error))

    switching = threading.Thread(target=switch)
    switching.start()
    until = time.monotonic() + 5
    while "web-v2" not in shop.deployments:
        assert time.monotonic() < until
    platform.tear_down()
    switching.join(5)
    assert failed and "torn down" in failed[0]
    assert numbers(shop) == {"web": 3, "jobs": 1} and shop.selector == {"app": "web"}


def test_a_roll_that_is_given_up_goes_back_to_the_version_before(shop: Shop, changes: Changes):
    before = json.dumps(shop.deployments["web"]["spec"])
    changes.give_up("replica")
    changes.roll("replica", {})
    assert json.dumps(shop.deployments["web"]["spec"]) != before
    changes.give_up("replica")
    assert json.dumps(shop.deployments["web"]["spec"]) == before
    changes.roll("replica", {})
    rolled = json.dumps(shop.deployments["web"]["spec"])
    shop.slow.add("web-v2")
    with pytest.raises(EnvironmentFailure):
        changes.switch("replica", {}, 0.2)
    changes.give_up("replica")
    assert json.dumps(shop.deployments["web"]["spec"]) == rolled, "that one was seen to land"
