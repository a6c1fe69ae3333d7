from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.common.lock import here
from harness.platforms.kubernetes import namespace as namespaces
from harness.platforms.kubernetes import second_deployment as besides
from harness.platforms.kubernetes.api import Cluster, Refused, Unreachable
from harness.platforms.kubernetes.manifests import HOST, LEASE, RUN, namespace_of

# Private names: `_LOOK_S`, `_AGAIN_S`, `_TAKEN_BACK_S` and `_REMOVAL_S` are waits, shortened.


class Pretended:
    """A cluster that has namespaces and pods, and forgets what is deleted; `stuck` ones stay."""

    where = "https://pretended"

    def __init__(
        self,
        *spaces: dict[str, Any],
        stuck: bool = False,
        nodes: tuple[str, ...] = ("elsewhere",),
        renewing: tuple[str, ...] = (),
        fails: dict[tuple[str, str], list[Exception]] | None = None,
    ) -> None:
        self.spaces = {each["metadata"]["name"]: each for each in spaces}
        self.pods = [{"metadata": {"uid": "no-such-uid"}}]
        self.stuck, self.nodes, self.renewing, self.fails = stuck, nodes, renewing, fails or {}
        self.asked: list[tuple[str, str]] = []

    def ask(self, method: str, path: str, body: Any = None, **_: Any) -> dict[str, Any]:
        self.asked.append((method, path))
        if errors := self.fails.get((method, path.rpartition("/")[2])):
            raise errors.pop(0)
        name = path.split("/")[4] if path.startswith("/api/v1/namespaces/") else ""
        if path == "/api/v1/namespaces" and method == "POST":
            if body["metadata"]["name"] in self.spaces:
                raise Refused("it is there", 409, "AlreadyExists")
            self.spaces[body["metadata"]["name"]] = body
            return {}
        if path == "/api/v1/namespaces":
            for run in self.renewing:
                self.spaces[namespace_of(run)]["metadata"]["annotations"][LEASE] = f"renewed {len(self.asked)}"
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


def space(run_id: str, name: str | None = None, host: str = "", lease: str | None = None) -> dict[str, Any]:
    marks = {RUN: run_id, HOST: host, **({} if lease is None else {LEASE: lease})}
    return {"metadata": {"name": name or namespace_of(run_id), "annotations": marks}}


def pretended(*spaces: dict[str, Any], **options: Any) -> Cluster:
    return cast(Cluster, Pretended(*spaces, **options))


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "WATCHED_S", 0.2)
    monkeypatch.setattr(namespaces, "_LOOK_S", 0.01)
    monkeypatch.setattr(namespaces, "_AGAIN_S", 0.01)


@pytest.mark.live
@pytest.mark.usefixtures("soon")
def test_who_is_in_progress_at_another_place_is_said_by_what_it_renews():
    boot = here().partition("/")[0]
    far, fresh = (datetime.now(UTC) + timedelta(seconds=each) for each in (-900, 900))
    cluster = pretended(
        space("mine", host=here(), lease=str(fresh)),
        space("slow-clock", host="another/1", lease=str(far)),
        # Another container of this machine: the same kernel, and its name is not seen here.
        space("next-door", host=f"{boot}/1", lease=str(far)),
        space("dead", host="another/1", lease=str(fresh)),
        space("dead-next-door", host=f"{boot}/1", lease=str(fresh)),
        space("old", host="another/1"),
        {"metadata": {"name": "strangers"}},
        renewing=("slow-clock", "next-door"),
    )
    assert namespaces.runs(cluster) == {
        "mine": False,
        "slow-clock": True,
        "next-door": True,
        "dead": False,
        "dead-next-door": False,
        "old": False,
    }


@pytest.mark.live
@pytest.mark.usefixtures("soon")
def test_who_was_frozen_for_all_the_time_looks_once_more(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(namespaces, "WATCHED_S", 0.0)
    cluster = pretended(space("theirs", host="another/1", lease="before"), renewing=("theirs",))
    assert namespaces.runs(cluster) == {"theirs": True}


def test_runs_of_this_place_alone_need_no_watching():
    cluster = pretended(space("mine", host=here()))
    assert namespaces.runs(cluster) == {"mine": False} and len(cast(Pretended, cluster).asked) == 2


@pytest.mark.usefixtures("soon")
def test_one_that_ends_while_it_is_watched_is_gone(monkeypatch: pytest.MonkeyPatch):
    cluster = pretended(space("theirs", host="another/1"))
    monkeypatch.setattr(namespaces.time, "sleep", lambda _: cast(Pretended, cluster).spaces.clear())
    assert namespaces.runs(cluster) == {}


@pytest.mark.usefixtures("soon")
def test_who_did_not_hear_the_cluster_calls_nobody_dead(monkeypatch: pytest.MonkeyPatch):
    cluster = pretended(space("theirs", host="another/1"))

    def breaks(_: float) -> None:
        cast(Pretended, cluster).fails[("GET", "namespaces")] = [Unreachable("no answer")]

    monkeypatch.setattr(namespaces.time, "sleep", breaks)
    with pytest.raises(Unreachable):
        namespaces.runs(cluster)


def test_what_shows_that_a_run_lives_is_another_each_time():
    cluster = pretended()
    namespaces.create(cluster, "mine")
    marks = cast(Pretended, cluster).spaces[namespace_of("mine")]["metadata"]["annotations"]
    assert marks[HOST] == here() and marks[LEASE]
    first = besides.now()
    until = time.monotonic() + 5
    while besides.now() == first:
        assert time.monotonic() < until


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


@pytest.mark.live
@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("error", [Unreachable("no answer in time"), Refused("timed out", 504, "Timeout")])
@pytest.mark.parametrize("is_made", [True, False])
def test_a_namespace_whose_making_was_not_answered_is_removed(error: Exception, is_made: bool):
    cluster = pretended(*([space("mine")] if is_made else []), fails={("POST", "namespaces"): [error]})
    with pytest.raises(EnvironmentFailure, match=r"no answer in time|timed out") as failure:
        namespaces.create(cluster, "mine")
    assert not namespaces.is_there(cluster, "mine") and "nor can it be told" not in str(failure.value)


@pytest.mark.usefixtures("soon")
def test_that_one_could_not_be_removed_is_told_as_well(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(namespaces, "_TAKEN_BACK_S", 0.0)
    cluster = pretended(space("mine"), stuck=True, fails={("POST", "namespaces"): [Unreachable("no answer in time")]})
    with pytest.raises(EnvironmentFailure, match=r"no answer in time; nor .*is not gone 0 s after.*harness recover"):
        namespaces.create(cluster, "mine")


def test_one_that_was_there_before_is_not_removed():
    """It may be that of a dead run of the same id, with what there is to be looked at."""
    for there in (space("mine"), space("another", name=namespace_of("mine"))):
        cluster = pretended(there)
        with pytest.raises(EnvironmentFailure, match="is there already"):
            namespaces.create(cluster, "mine")
        assert [method for method, _ in cast(Pretended, cluster).asked] == ["POST"]


def test_what_is_left_is_named_pod_by_pod():
    cluster = pretended(space("mine"))
    cast(Pretended, cluster).pods = [{"metadata": {"uid": "u", "name": "p"}}]
    name = namespace_of("mine")
    assert namespaces.leftovers(cluster, "mine") == [f"namespace {name}", f"pod p of namespace {name}"]
    assert namespaces.leftovers(cluster, "yours") == []


@pytest.mark.live
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


@pytest.mark.live
@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    "asked",
    [
        ("GET", namespace_of("mine")),
        ("GET", "nodes"),
        ("GET", "pods"),
        ("DELETE", "deployments"),
        ("DELETE", "pods"),
        ("DELETE", namespace_of("mine")),
    ],
)
def test_what_failed_a_few_times_is_asked_again(asked: tuple[str, str]):
    errors = [Unreachable("no answer"), Refused("too much to do", 429), Refused("a fault of its own", 500)]
    cluster = pretended(space("mine"), fails={asked: errors})
    namespaces.remove(cluster, "mine")
    assert not namespaces.is_there(cluster, "mine") and len(errors) < 3


def test_why_a_removal_was_refused_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(namespaces, "_REMOVAL_S", 0.0)
    refusal = {("DELETE", namespace_of("mine")): [Refused("you may not", 403, "Forbidden")]}
    with pytest.raises(EnvironmentFailure, match=r"is not gone.*you may not"):
        namespaces.remove(pretended(space("mine"), fails=refusal), "mine")


def test_a_namespace_of_somebody_else_is_never_removed():
    cluster = pretended(space("another", name=namespace_of("mine")))
    namespaces.remove(cluster, "mine")
    assert [method for method, _ in cast(Pretended, cluster).asked] == ["GET"]
