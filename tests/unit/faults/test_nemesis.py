"""The nemesis: each fault is recorded from its intent to its healing, and nothing that was begun is left."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from harness.errors import FaultNotSeen
from harness.faults import Kill, Noop, Pause, Stop
from harness.faults.nemesis import Nemesis
from harness.faults.schedule import plan
from harness.platforms.base import Member
from tests.support.fault_stage import Stage, eventually, staged
from tests.support.in_time import in_time

# Private names: `_SPARE_WAIT_S` is a wait, shortened.


def test_a_fault_of_a_worker_hits_a_worker(stage: Stage) -> None:
    stage.nemesis(Stop(at=0, role="worker"))
    eventually(lambda: "healed" in stage.events())
    assert stage.lines()[0]["target"] in ("worker-1", "worker-2")
    assert stage.state(stage.lines()[0]["target"]) == "gone"


def test_while_one_is_frozen_other_faults_go_on(stage: Stage) -> None:
    nemesis = stage.nemesis(Pause(at=0, for_s=60), Kill(at=0.1))
    eventually(lambda: stage.events(2)[-1:] == ["healed"])
    assert stage.events(1) == ["intent", "injected", "landed"]
    frozen, killed = stage.lines(1)[0]["target"], stage.lines(2)[0]["target"]
    assert frozen != killed and stage.state(frozen) == "paused"
    assert nemesis.heal_all() == []


def test_healing_ends_a_pause_at_once_and_looks_again(stage: Stage) -> None:
    nemesis = stage.nemesis(Pause(at=0, for_s=60))
    eventually(lambda: "landed" in stage.events())
    assert in_time(nemesis.heal_all) == []
    assert stage.events() == ["intent", "injected", "landed", "healed"]
    assert {m.state for m in stage.platform.members()} == {"ready"}
    stage.platform.pause("replica-1")
    assert nemesis.heal_all(wait_s=0) == ["not thawed: replica-1 is frozen, and no fault says so"]


def test_what_was_never_due_is_recorded_as_failed(stage: Stage) -> None:
    nemesis = stage.nemesis(Kill(at=99), Noop(at=0))
    eventually(lambda: stage.events(1) == ["intent", "injected", "landed", "healed"])
    nemesis.heal_all()
    intent, failed = stage.lines(2)
    assert (intent["kind"], intent["target"], intent["planned_s"]) == ("kill", None, 99)
    assert failed["why"] == "the load ended before it was due (at 99 s)"
    assert {m.state for m in stage.platform.members()} == {"ready"}


def test_a_fault_that_is_not_seen_has_failed(stage: Stage) -> None:
    stage.platform.unseen.add("kill")
    stage.nemesis(Kill(at=0))
    eventually(lambda: stage.events() == ["intent", "injected", "failed"])
    assert "kill was not seen" in stage.lines()[-1]["why"]


def test_the_last_ready_member_is_spared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.faults.nemesis._SPARE_WAIT_S", 0.2)
    stage = staged(tmp_path, 1)
    try:
        stage.nemesis(Kill(at=0))
        eventually(lambda: stage.events() == ["intent", "failed"])
        assert "no replica to spare: 1 ready" in stage.lines()[-1]["why"]
        assert stage.state("replica-1") == "ready"
        Nemesis(
            plan([Kill(at=0, min_ready=0)], 5, 1), stage.platform, stage.supervisor, tmp_path / "second.jsonl"
        ).start(time.monotonic_ns())
        eventually(lambda: stage.state("replica-1") == "killed")
    finally:
        stage.supervisor.stop()


def test_no_member_has_two_faults_at_once(stage: Stage) -> None:
    nemesis = stage.nemesis(Pause(at=[0, 0], for_s=60))
    eventually(lambda: all("landed" in stage.events(n) for n in (1, 2)))
    assert stage.lines(1)[0]["target"] != stage.lines(2)[0]["target"]
    nemesis.heal_all()


def test_a_fault_whose_intent_cannot_be_written_is_not_injected(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    nemesis = stage.nemesis(Kill(at=0))
    eventually(lambda: "failed" in stage.events())
    assert "No space left" in stage.lines()[-1]["why"] and "injected" not in stage.events()
    assert "killed" not in {m.state for m in stage.platform.members()}
    nemesis.heal_all()


def test_an_interrupted_run_does_not_wait_for_replacements(stage: Stage) -> None:
    stage.platform.ready_after_s = 60
    nemesis = stage.nemesis(Kill(at=0))
    eventually(lambda: "landed" in stage.events())
    in_time(lambda: nemesis.heal_all("interrupted", wait_s=0))
    assert stage.events()[-1] == "failed"


def test_the_pick_is_a_fraction_of_those_there(stage: Stage) -> None:
    def victims() -> list[Member]:
        return stage.supervisor.ready("replica")

    assert [member.name for member in victims()] == ["replica-1", "replica-2", "replica-3"]
    planned = plan([Kill(at=0)], 5, seed=1)[0]
    expected = victims()[int(planned.pick * 3)].name
    stage.nemesis(Kill(at=0))
    eventually(lambda: "landed" in stage.events())
    assert stage.lines()[0]["target"] == expected
    with pytest.raises(FaultNotSeen):
        stage.platform.kill(expected)
