"""One suite for all platforms: what the rest of the harness relies on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import EnvironmentFailure, FaultNotSeen
from harness.platforms.abilities import Hoppable, Pausable, SelfHealing, Startable, offered, why_withheld
from harness.platforms.base import Member, Platform
from harness.supervision.supervisor import Supervisor
from tests.support.conformance import deployment, eventually, tiny


def state(platform: Platform, name: str) -> str:
    return {member.name: member.state for member in platform.members()}[name]


def test_a_deployment_is_ready_when_it_returns(platform: Platform, tmp_path: Path) -> None:
    platform.deploy(deployment(tmp_path))
    members = platform.members()
    assert [(m.name, m.role, m.state) for m in members] == [
        ("replica-1", "replica", "ready"),
        ("replica-2", "replica", "ready"),
        ("worker-1", "worker", "ready"),
    ]
    assert [m.port is None for m in members] == [False, False, True]
    assert len({m.boot for m in members}) == 3 and None not in {m.boot for m in members}
    assert platform.failures() == [] == platform.problems()
    eventually(lambda: "up as " in platform.log_tail("replica-2"), "the log of replica-2")


def test_a_killed_member_is_seen_dead_and_cannot_be_killed_again(platform: Platform, tmp_path: Path) -> None:
    platform.deploy(deployment(tmp_path))
    assert platform.kill("replica-1")
    assert state(platform, "replica-1") == "killed"
    assert not platform.ready(platform.members()[0])
    with pytest.raises(FaultNotSeen, match=r"replica-1.*dead already"):
        platform.kill("replica-1")
    with pytest.raises(FaultNotSeen, match="no member replica-9"):
        platform.kill("replica-9")


def test_a_started_member_gets_a_new_name_and_address(platform: Platform, tmp_path: Path) -> None:
    startable = offered(platform, Startable)
    if startable is None:
        pytest.skip(f"{platform.name} starts members by itself")
    platform.deploy(deployment(tmp_path))
    platform.kill("replica-2")
    fresh = startable.start("replica")
    assert (fresh.name, fresh.state) == ("replica-3", "starting")
    eventually(lambda: platform.ready(fresh), "replica-3 ready", 30)
    addresses = [(m.host, m.port) for m in platform.members() if m.state == "ready" and m.role == "replica"]
    assert len(set(addresses)) == 2
    boots = [m.boot for m in platform.members() if m.role == "replica"]
    assert len(set(boots)) == 3


def test_a_frozen_member_is_not_ready_until_thawed_and_keeps_its_life(platform: Platform, tmp_path: Path) -> None:
    pausable = offered(platform, Pausable)
    if pausable is None:
        pytest.skip(f"{platform.name} cannot freeze a member: {why_withheld(platform, Pausable)}")
    platform.deploy(deployment(tmp_path))
    before = platform.members()[0]
    pausable.pause("replica-1")
    assert state(platform, "replica-1") == "paused"
    assert not platform.ready(before)
    pausable.resume("replica-1")
    eventually(lambda: platform.ready(before), "ready again", 30)
    assert platform.members()[0] == before


def test_a_stopped_member_exits_by_itself(platform: Platform, tmp_path: Path) -> None:
    platform.deploy(deployment(tmp_path))
    platform.stop("worker-1", grace_s=5)
    platform.stop("replica-1", grace_s=5)
    assert [state(platform, name) for name in ("replica-1", "replica-2", "worker-1")] == ["gone", "ready", "gone"]


def test_nothing_is_left_after_tear_down(platform: Platform, tmp_path: Path) -> None:
    wanted = deployment(tmp_path)
    platform.deploy(wanted)
    if pausable := offered(platform, Pausable):
        pausable.pause("replica-1")
    assert len(platform.leftovers(wanted.run_id)) >= 3
    platform.tear_down()
    assert platform.leftovers(wanted.run_id) == []
    platform.tear_down()


def test_two_runs_side_by_side_do_not_meet(platform: Platform, tmp_path: Path) -> None:
    other = type(platform)()
    first, second = deployment(tmp_path / "a", directory=tmp_path), deployment(tmp_path / "b", directory=tmp_path)
    try:
        platform.deploy(first)
        other.deploy(second)
        platform.tear_down()
        assert platform.leftovers(first.run_id) == []
        assert [other.ready(m) for m in other.members()] == [True, True, True]
    finally:
        other.tear_down()


def test_a_failed_deployment_leaves_nothing(platform: Platform, tmp_path: Path) -> None:
    wanted = deployment(tmp_path, worker=None)
    with pytest.raises(EnvironmentFailure, match="worker") as failure:
        platform.deploy(wanted)
    assert failure.value.exit_code == 5
    assert platform.leftovers(wanted.run_id) == []


def test_what_a_dead_run_left_can_be_removed(platform: Platform, tmp_path: Path) -> None:
    wanted = deployment(tmp_path)
    platform.deploy(wanted)
    assert len(platform.remove(wanted.run_id)) >= 3
    assert platform.leftovers(wanted.run_id) == []
    assert platform.remove(wanted.run_id) == []


def kept(platform: Platform, replicas: int, changes: list[list[Member]], **options: float) -> Supervisor:
    supervisor = Supervisor(platform, {"replica": replicas, "worker": 1}, changes.append, **options)
    supervisor.start()
    return supervisor


def test_the_supervisor_replaces_the_dead(platform: Platform, tmp_path: Path) -> None:
    platform.deploy(deployment(tmp_path))
    changes: list[list[Member]] = []
    supervisor = kept(platform, 2, changes, replace_after_s=0.2)
    try:
        platform.kill("replica-1")
        platform.kill("worker-1")
        assert "replica-3" in supervisor.wait_replaced("replica-1", 30)
        assert "worker-2" in supervisor.wait_replaced("worker-1", 30)
        supervisor.wait_ready("replica", 2, 30)
    finally:
        supervisor.stop()
    told = [{m.name: m.state for m in members} for members in changes]
    assert any(members["replica-1"] == "killed" and "replica-3" not in members for members in told)
    assert told[-1] == {
        "replica-1": "killed",
        "replica-2": "ready",
        "worker-1": "killed",
        "replica-3": "ready",
        "worker-2": "ready",
    }


def test_the_supervisor_scales_and_stops_the_newest(platform: Platform, tmp_path: Path) -> None:
    platform.deploy(deployment(tmp_path))
    supervisor = kept(platform, 2, [], stop_grace_s=5)
    try:
        assert supervisor.set_desired("replica", 4) == []
        supervisor.wait_ready("replica", 4, 30)
        stopped = supervisor.set_desired("replica", 1)
        supervisor.wait_ready("replica", 1, 30)
        (left,) = [m.name for m in supervisor.ready("replica")]
        # A platform that heals itself chooses them itself.
        heals = offered(platform, SelfHealing) is not None
        assert stopped == ["replica-4", "replica-3", "replica-2"] or (heals and left not in stopped)
        assert len(stopped) == 3 and (left == "replica-1" or heals)
        assert supervisor.stop_failures == {}
        with pytest.raises(
            EnvironmentFailure, match=r"not within 0.1 s: 2 ready replicas are wanted, there are replica-\d ready"
        ):
            supervisor.wait_ready("replica", 2, 0.1)
    finally:
        supervisor.stop()


def test_the_command_of_a_member_is_asked_for_with_its_slot(platform: Platform, tmp_path: Path) -> None:
    if offered(platform, Hoppable) is None:
        pytest.skip(f"{platform.name} starts containers, no commands")
    slots = []
    launch = tiny()
    platform.deploy(deployment(tmp_path, replica=lambda slot: (slots.append(slot), launch(slot))[1], replicas=1))
    (slot,) = slots
    assert replace(slot, port=1).name == "replica-1" and slot.port == platform.members()[0].port
    assert slot.store_url.startswith("redis://127.0.0.1:") and slot.ledger_url.startswith("http://127.0.0.1:")
