"""What a run changed is undone; what its owner changed since is named and left, however late it is recovered."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.kubernetes import attach as attaching
from harness.platforms.kubernetes.api import Cluster
from harness.platforms.kubernetes.changes import Changes
from harness.platforms.kubernetes.found_state import of_deployment
from harness.platforms.kubernetes.manifests import HASH, MANAGED, OURS, RUN, SCALED, VERSION
from tests.support.kubernetes_shop import PART, Shop, a_shop, noted, numbers, up_of

# Private names: `_select` is the half of a switch after which a run may die, and `_closed` says that it was told to end
# amid one. `_LOOK_S` and `_BACK_S` are waits, shortened.

WHOLE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "c", "image": "web:1", "env": [{"name": "A", "value": "a"}]}]},
}


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = a_shop()
    made.add("web", 3, {"app": "web"}, copy.deepcopy(WHOLE))
    monkeypatch.setattr(Cluster, "connect", lambda: made)
    monkeypatch.setattr(attaching, "_LOOK_S", 0.001)
    monkeypatch.setattr(attaching, "_BACK_S", 10)
    return made


@pytest.fixture
def found(shop: Shop, tmp_path: Path) -> Path:
    return noted(shop, tmp_path)


@pytest.fixture
def changes(shop: Shop, tmp_path: Path) -> Changes:
    return Changes(up_of(shop, tmp_path))


def template(shop: Shop, name: str = "web") -> Any:
    return shop.deployments[name]["spec"]["template"]


def deploys(shop: Shop, image: str, count: int) -> None:
    """Its owner applies another version: what he did not write himself stays in it."""
    template(shop)["spec"]["containers"][0]["image"] = image
    shop.deployments["web"]["spec"]["replicas"] = count


def marks(shop: Shop) -> list[str]:
    told = [shop.marks, *(each["metadata"].get("annotations", {}) for each in shop.deployments.values())]
    return [name for each in told for name in each if name.startswith(OURS)]


def left(*whats: str) -> list[str]:
    return [f"left the {what} of namespace shop alone: somebody else has changed that since" for what in whats]


def test_a_late_recovery_leaves_what_its_owner_has_deployed_since(shop: Shop, found: Path):
    deploys(shop, "web:2", 5)
    shop.selector = {"app": "web", "tier": "new"}
    shop.asked.clear()
    said = left("replicas of Deployment web", "template of Deployment web", "selector of Service web")
    assert attaching.restore(found) == said and attaching.restore(found) == said
    assert {method for method, _ in shop.asked} == {"GET"}
    assert numbers(shop) == {"web": 5, "jobs": 1} and template(shop)["spec"]["containers"][0]["image"] == "web:2"


def test_what_its_owner_has_deployed_need_not_come_up(shop: Shop, found: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(attaching, "_BACK_S", 0.2)
    deploys(shop, "web:broken", 5)
    shop.slow.add("web")
    assert len(attaching.restore(found)) == 2


def test_a_number_is_the_runs_until_somebody_sets_another(shop: Shop, changes: Changes, found: Path):
    changes.scale("replica", 1)
    changes.scale("worker", 2)
    shop.deployments["web"]["spec"]["replicas"] = 5
    assert attaching.restore(found) == [
        *left("replicas of Deployment web"),
        "Deployment jobs has its replicas again",
    ]
    assert numbers(shop) == {"web": 5, "jobs": 1} and marks(shop) == []


def test_of_what_was_there_again_already_nothing_of_the_run_stays(shop: Shop, changes: Changes, found: Path):
    changes.scale("replica", 5)
    changes.scale("replica", 3)
    assert marks(shop) and attaching.restore(found) == [] and marks(shop) == []


def test_a_template_is_the_runs_while_nothing_but_its_rolls_differs(shop: Shop, changes: Changes, found: Path):
    changes.roll("replica", {"A": "b", "B": "b"})
    changes.roll("replica", {"C": "c"})
    assert attaching.restore(found) == ["Deployment web has its template again"]
    assert template(shop) == WHOLE and attaching.restore(found) == []


@pytest.mark.parametrize("change", ["image", "variable"])
def test_a_version_that_was_applied_over_a_roll_is_its_owners(shop: Shop, changes: Changes, found: Path, change: str):
    changes.roll("replica", {"B": "b"})
    container = template(shop)["spec"]["containers"][0]
    if change == "image":
        container["image"] = "web:2"
    else:
        container["env"].append({"name": "MORE", "value": "m"})
    before = copy.deepcopy(template(shop))
    assert attaching.restore(found) == left("template of Deployment web") and template(shop) == before


def test_a_switch_is_undone_around_what_its_owner_has_deployed_since(shop: Shop, changes: Changes, found: Path):
    changes.switch("replica", {}, 5)
    deploys(shop, "web:2", 5)
    shop.selector["tier"] = "new"
    assert attaching.restore(found) == [
        *left("replicas of Deployment web", "template of Deployment web"),
        "Service web of namespace shop selects again what it did",
        *left("selector of Service web"),
        "removed Deployment web-v2 of namespace shop",
    ]
    assert numbers(shop) == {"web": 5, "jobs": 1} and template(shop)["spec"]["containers"][0]["image"] == "web:2"
    assert shop.selector == {"app": "web", "tier": "new"} and marks(shop) == []


def test_a_selector_that_a_dead_run_had_narrowed_is_wide_again(shop: Shop, changes: Changes, found: Path):
    def die(method: str, path: str) -> None:
        if method == "POST":
            changes._closed.set()
            raise EnvironmentFailure("killed here")

    shop.on_ask = die
    with pytest.raises(EnvironmentFailure, match="killed here"):
        changes.switch("replica", {}, 5)
    assert shop.selector == {"app": "web", HASH: "of-web"}
    shop.on_ask = lambda method, path: None
    assert attaching.restore(found) == ["Service web of namespace shop selects again what it did"]
    assert shop.selector == {"app": "web"} and marks(shop) == []


def test_what_another_run_did_is_not_this_ones_to_undo(shop: Shop, found: Path, tmp_path: Path):
    up = up_of(shop, tmp_path)
    up.deployment = cast(Any, type("Order", (), {"run_id": "changes-11"}))
    other = Changes(up)
    other.roll("replica", {})
    other.scale("replica", 1)
    other._select({VERSION: "2"}, "changes-11")
    before = marks(shop)
    said = left("replicas of Deployment web", "template of Deployment web", "selector of Service web")
    assert attaching.restore(found) == said and marks(shop) == before
    assert shop.selector[VERSION] == "2"


def test_what_was_not_noted_is_not_touched():
    found = {"metadata": {}, "spec": {"replicas": 2, "template": WHOLE}}
    undo = of_deployment(found, {"replicas": None, "template": None}, "a")
    assert undo.patch == [] and undo.left == []


# -- what another run left there


def attach_next(shop: Shop, folder: Path) -> Path:
    """Another run attaches to it; returns where it notes how it found all."""
    up = up_of(shop, folder)
    file = folder / "next"
    attaching.selectors(up.cluster, replace(up.deployment, run_id="next-1", found=file), PART, "shop")
    return file


def half_narrowed(shop: Shop, changes: Changes) -> None:
    changes._select({HASH: "of-web"}, "changes-1")


def set_to_the_same(shop: Shop, changes: Changes) -> None:
    changes.scale("worker", 1)


def half_switched(shop: Shop, changes: Changes) -> None:
    shop.add("web-v2", 1, {"app": "web"})
    shop.deployments["web-v2"]["metadata"] |= {"labels": {MANAGED: OURS}, "annotations": {RUN: "changes-1"}}


@pytest.mark.parametrize(
    ("dies", "said", "by_hand"),
    [
        (half_narrowed, "changed the selector of Service web", f"annotate service web {RUN}-"),
        (set_to_the_same, "changed the number of pods of Deployment jobs", f"annotate deployment jobs {SCALED}-"),
        (half_switched, "put Deployment web-v2 beside it", "delete deployment web-v2"),
    ],
)
def test_what_another_run_has_changed_is_not_taken_for_as_found(
    shop: Shop,
    changes: Changes,
    tmp_path: Path,
    dies: Callable[[Shop, Changes], None],
    said: str,
    by_hand: str,
):
    dies(shop, changes)
    with pytest.raises(
        EnvironmentFailure, match=f"namespace shop of .*: run changes-1 has {said}. .*recover"
    ) as raised:
        attach_next(shop, tmp_path)
    assert str(raised.value).endswith(f"`kubectl -n shop {by_hand}`") and not (tmp_path / "next").exists()


def test_another_run_is_named_before_the_numbers_that_it_has_changed(
    shop: Shop, changes: Changes, found: Path, tmp_path: Path
):
    changes.switch("replica", {}, 5)
    with pytest.raises(EnvironmentFailure, match=r"selector of Service web; .*Deployment web; .*put Deployment web-v2"):
        attach_next(shop, tmp_path)
    attaching.restore(found)
    assert attach_next(shop, tmp_path).exists()


def test_what_an_owner_has_put_right_by_hand_is_as_he_made_it(shop: Shop, changes: Changes, tmp_path: Path):
    """A stamp in a template stays in it for good, whatever is applied over it."""
    changes.roll("replica", {})
    changes.scale("worker", 2)
    changes._select({VERSION: "2"}, "changes-1")
    del shop.selector[VERSION]
    shop.deployments["jobs"]["spec"]["replicas"] = 1
    assert len(marks(shop)) == 2 and attach_next(shop, tmp_path).exists()
