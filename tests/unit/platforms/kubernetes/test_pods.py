"""Pods as members, from their start to their end, and why one does not come up."""

from __future__ import annotations

from typing import Any, cast

import pytest

from harness.platforms.common.procfs import Found
from harness.platforms.kubernetes import actions as acts
from harness.platforms.kubernetes import deploy as deploying
from harness.platforms.kubernetes import node
from harness.platforms.kubernetes.pods import Roster, Seen, seen


def pod(uid: str = "u1", *, role: str | None = "replica", restarts: int = 0, **status: Any) -> Seen:
    state = status.pop("state", {"running": {}})
    leaving = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if status.pop("leaving", False) else {}
    labels = {"stateless-harness/role": role} if role else {"app": "x"}
    container = {"name": "c", "restartCount": restarts, "state": state, "containerID": status.pop("id", "docker://abc")}
    return seen(
        {
            "metadata": {"uid": uid, "name": f"pod-{uid}", "labels": labels, **leaving},
            "spec": {"containers": [{"name": "c"}]},
            "status": {"podIP": "10.0.0.1", "containerStatuses": [container], **status},
        }
    )


def states(roster: Roster) -> dict[str, str]:
    return {life.name: life.state for life in roster.lives.values()}


def test_a_pod_is_a_member_from_its_start_to_its_end():
    roster = Roster(boots_are_asked=True)
    life = roster.see(pod())
    assert life is not None and (life.name, life.boot, life.about.container) == ("replica-1", None, "abc")
    life.state = "ready"
    roster.see(pod(leaving=True))
    assert states(roster) == {"replica-1": "stopping"}
    # A container that was taken away is described as one that is yet to come.
    roster.see(pod(leaving=True, id="", state={"waiting": {"reason": "ContainerCreating"}}))
    assert life.about.container == "abc"
    roster.lost("u1")
    assert states(roster) == {"replica-1": "gone"}
    roster.see(pod("u2"))
    assert states(roster) == {"replica-1": "gone", "replica-2": "starting"}


def test_a_container_that_is_restarted_is_another_member():
    roster = Roster(boots_are_asked=False)
    roster.see(pod("w", role="worker"))
    roster.see(pod("w", role="worker", state={"terminated": {"reason": "Error", "exitCode": 137}}))
    assert states(roster) == {"worker-1": "gone"}
    roster.see(pod("w", role="worker", restarts=1, id="docker://def"))
    assert states(roster) == {"worker-1": "gone", "worker-2": "starting"}
    assert [life.boot for life in roster.lives.values()] == ["worker-1", "worker-2"]


def test_the_killed_stay_killed_and_the_frozen_frozen():
    roster = Roster(boots_are_asked=True)
    for uid, state in (("a", "killed"), ("b", "paused")):
        life = roster.see(pod(uid))
        assert life is not None
        life.state = state  # type: ignore[assignment]
    roster.see(pod("a", state={"terminated": {}}))
    roster.see(pod("b", leaving=True))
    roster.lost("a")
    assert states(roster) == {"replica-1": "killed", "replica-2": "paused"}


def test_parts_beside_the_members_that_die_spoil_the_run():
    roster = Roster(boots_are_asked=True)
    roster.see(pod("r", role=None))
    assert roster.lives == {} and roster.broken == {}
    roster.see(pod("r", role=None, restarts=1))
    assert roster.broken == {"pod-r": "pod-r was restarted by the cluster during the run"}


def test_a_job_that_has_done_its_work_may_be_cleared_away():
    roster = Roster(boots_are_asked=True)
    roster.see(pod("done", role=None, state={"terminated": {"reason": "Completed", "exitCode": 0}}))
    roster.see(pod("failed", role=None, state={"terminated": {"reason": "Error", "exitCode": 1}}))
    for uid in ("done", "failed"):
        roster.lost(uid)
    assert roster.others == {} and roster.broken == {"pod-failed": "pod-failed was taken away during the run"}


def test_a_pod_that_was_evicted_or_refused_has_ended_without_a_container():
    evicted = {"phase": "Failed", "reason": "Evicted", "message": "low on memory", "containerStatuses": []}
    roster = Roster(boots_are_asked=True)
    roster.see(pod("u1", **evicted))
    roster.see(pod("u2", phase="Failed", containerStatuses=[]))
    roster.see(pod("u3", phase="Pending", containerStatuses=[]))
    assert states(roster) == {"replica-1": "gone", "replica-2": "gone", "replica-3": "starting"}
    found = deploying.why_not_up([pod(**evicted)], True)
    assert found == ("pod-u1", "its container ended: Evicted: low on memory")
    assert not pod(**evicted).done and pod(phase="Succeeded", containerStatuses=[]).done


def test_a_pod_that_is_to_end_before_it_began_has_ended_when_nothing_of_it_runs_here(monkeypatch: pytest.MonkeyPatch):
    life = Roster(boots_are_asked=True).see(pod("u1", phase="Pending", containerStatuses=[]))
    assert life is not None
    there = [Found(1, 1, "", "sandbox", "")]
    monkeypatch.setattr(node, "processes", lambda mark: there if mark == "u1" else [])
    assert not acts.has_ended(cast(Any, None), life), "what is to hold its container is there"
    there.clear()
    assert acts.has_ended(cast(Any, None), life)


def test_the_role_of_a_pod_without_our_label_is_told_by_selectors():
    made = {"metadata": {"uid": "u", "name": "p", "labels": {"app": "shop", "tier": "web"}}}
    assert seen(made).role is None
    assert seen(made, {"worker": {"app": "other"}, "replica": {"app": "shop"}}).role == "replica"
    assert seen(made, {"worker": {}}).role is None


@pytest.mark.parametrize(
    "status, late, says",
    [
        ({"state": {"waiting": {"reason": "ErrImagePull", "message": "m"}}}, False, "ErrImagePull: m. Build or push"),
        ({"state": {"waiting": {"reason": "ContainerCreating"}}}, False, None),
        ({"state": {"waiting": {"reason": "ContainerCreating"}}}, True, "ContainerCreating"),
        ({"state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}}, False, None),
        ({"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restarts": 1}, False, "CrashLoopBackOff"),
        (
            {"state": {}, "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]},
            True,
            "Unschedulable. No node has room",
        ),
        ({"state": {"running": {}}}, True, None),
    ],
)
def test_why_a_pod_does_not_come_up(status: dict[str, Any], late: bool, says: str | None):
    found = deploying.why_not_up([pod(**status)], late)
    assert found is None if says is None else found is not None and found[0] == "pod-u1" and found[1].startswith(says)
