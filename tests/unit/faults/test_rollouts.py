"""restart, roll and switch, on a target in memory."""

from __future__ import annotations

import itertools
import threading

import pytest

from harness.faults import Fault, Kill, Restart, Roll, Scale, Switch
from harness.supervision.rollout import Rollout
from tests.support.fault_stage import Stage, eventually


def living(stage: Stage, role: str = "replica") -> list[str]:
    return [m.name for m in stage.platform.members() if m.role == role and m.state not in ("killed", "gone")]


def versions(stage: Stage) -> list[str]:
    return [stage.platform.log_tail(name).partition("HARNESS_VERSION=")[2].split(" ")[0] for name in living(stage)]


@pytest.mark.parametrize("kind", [Restart, Roll, Switch])
def test_a_whole_role_is_replaced_and_the_old_ones_are_in_the_record(stage: Stage, kind: type[Fault]) -> None:
    nemesis = stage.nemesis(kind(at=0))
    eventually(lambda: stage.events()[-1:] == ["healed"])
    intent, _, landed, _ = stage.lines()
    assert (intent["target"], intent["boot"], intent["undo"]) == ("all 3 replicas", None, {"do": "none"})
    assert sorted(landed["stopped"]) == ["replica-1", "replica-2", "replica-3"]
    assert landed["how"] == "3 replicas of the new version ready, 3 of the old gone"
    assert living(stage) == ["replica-4", "replica-5", "replica-6"]
    assert not any(member.held for member in stage.platform.members())
    assert nemesis.heal_all() == [] and len(stage.supervisor.ready("replica")) == 3
    assert [bool(version) for version in versions(stage)] == [kind is not Restart] * 3


@pytest.mark.parametrize("kind", [Roll, Switch])
def test_workers_get_a_new_version_too(stage: Stage, kind: type[Fault]) -> None:
    stage.nemesis(kind(at=0, role="worker", environment={"COLOUR": "green"}))
    eventually(lambda: stage.events()[-1:] == ["healed"])
    assert living(stage, "worker") == ["worker-3", "worker-4"]
    assert "COLOUR=green" in stage.platform.log_tail("worker-4")


def test_a_roll_never_leaves_fewer_ready_than_are_wanted(stage: Stage) -> None:
    least, most, over = 3, 3, threading.Event()
    stage.platform.ready_after_s = 0.1

    def watch() -> None:
        nonlocal least, most
        while not over.wait(0.001):
            least = min(least, len(stage.supervisor.ready("replica")))
            most = max(most, len(living(stage)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    stage.nemesis(Roll(at=0))
    eventually(lambda: stage.events()[-1:] == ["healed"])
    over.set()
    watcher.join()
    assert least == 3 and most == 4


def test_nobody_gets_a_request_of_a_new_version_before_all_of_it_is_ready(stage: Stage) -> None:
    go, whole = threading.Event(), stage.platform.ready
    stage.platform.ready = lambda m: (m.name != "replica-6" or go.is_set()) and whole(m)  # type: ignore[method-assign]
    stage.nemesis(Switch(at=0))
    eventually(lambda: len(living(stage)) == 6)
    assert [m.name for m in stage.supervisor.ready("replica")] == ["replica-1", "replica-2", "replica-3"]
    assert [m.held for m in stage.platform.members() if m.role == "replica"] == [False] * 3 + [True] * 3
    go.set()
    eventually(lambda: stage.events()[-1:] == ["healed"])
    assert [m.name for m in stage.supervisor.ready("replica")] == ["replica-4", "replica-5", "replica-6"]


@pytest.mark.parametrize("kind", [Roll, Switch])
def test_a_version_that_does_not_come_up_is_not_seen_and_what_was_there_stays(stage: Stage, kind: type[Fault]) -> None:
    stage.platform.ready_after_s = 60
    nemesis = stage.nemesis(kind(at=0, reached_within=0.4))
    eventually(lambda: stage.events() == ["intent", "injected", "failed"])
    assert "stopped" not in stage.lines()[-1]
    assert nemesis.heal_all() == []
    assert living(stage) == ["replica-1", "replica-2", "replica-3"]


def test_a_roll_whose_old_members_do_not_exit_by_themselves_has_failed(stage: Stage) -> None:
    stage.platform.unseen.add("stop")
    stage.nemesis(Roll(at=0, reached_within=2))
    eventually(lambda: stage.events() == ["intent", "injected", "failed"])
    assert stage.lines()[-1]["stopped"] == ["replica-1"]


def test_the_end_of_the_load_ends_a_roll_and_the_declared_number_is_there(stage: Stage) -> None:
    stage.platform.ready_after_s = 60
    nemesis = stage.nemesis(Roll(at=0))
    eventually(lambda: len(living(stage)) == 4)
    assert nemesis.heal_all() == []
    assert stage.events()[-1] == "failed" and "the run is being ended" in stage.lines()[-1]["why"]
    assert len(stage.supervisor.ready("replica")) == 3 == len(living(stage))


def test_a_roll_goes_on_although_members_of_both_versions_are_killed(stage: Stage) -> None:
    stage.platform.ready_after_s = 0.1
    nemesis = stage.nemesis(Roll(at=0), Kill(at=[0.05, 0.25, 0.45]))
    eventually(lambda: all(stage.events(n)[-1:] == ["healed"] for n in (1, 2, 3, 4)), 10)
    assert nemesis.heal_all() == []
    assert len(living(stage)) == 3 and all(versions(stage))


def test_a_roll_waits_for_a_frozen_member_rather_than_leave_fewer_ready(stage: Stage) -> None:
    stage.platform.pause("replica-1")
    done: list[str] = []
    rollout = Rollout(stage.supervisor, "replica", {}, 10)
    thread = threading.Thread(target=lambda: done.append(rollout.roll()))
    thread.start()
    eventually(lambda: len(stage.supervisor.ready("replica")) == 3)
    assert rollout.old == []
    stage.platform.resume("replica-1")
    thread.join(5)
    assert done and rollout.old == ["replica-1", "replica-2", "replica-3"]


def test_two_changes_of_a_role_wait_for_each_other(stage: Stage) -> None:
    stage.nemesis(Roll(at=0), Switch(at=0), Scale(at=0, to=4))
    eventually(lambda: all(stage.events(n)[-1:] == ["healed"] for n in (1, 2, 3)), 10)
    spans = sorted((stage.lines(n)[1]["at"], stage.lines(n)[-1]["at"]) for n in (1, 2, 3))
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))
