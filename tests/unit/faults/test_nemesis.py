from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EnvironmentFailure, FaultNotSeen
from harness.faults import Fault, Kill, Noop, Pause, Scale, Stop
from harness.faults.nemesis import Nemesis
from harness.faults.schedule import plan
from harness.platforms.base import Deployment, Member, Program
from harness.platforms.memory.platform import MemoryPlatform
from harness.rundir.faults import read
from harness.supervision.supervisor import Supervisor


@dataclass
class Stage:
    """A target in memory with its supervisor, and the record of what is done to it."""

    folder: Path
    platform: MemoryPlatform
    supervisor: Supervisor

    def nemesis(self, *faults: Fault, **options: Any) -> Nemesis:
        made = Nemesis(plan(faults, 5, seed=1), self.platform, self.supervisor, self.folder / "faults.jsonl", **options)
        made.start(time.monotonic_ns())
        return made

    def lines(self, fault: int = 1) -> list[dict[str, Any]]:
        return [line for line in read(self.folder / "faults.jsonl") if line["fault"] == fault]

    def events(self, fault: int = 1) -> list[str]:
        return [line["e"] for line in self.lines(fault)]

    def state(self, name: str) -> str:
        return {member.name: member.state for member in self.platform.members()}[name]


def eventually(holds: Callable[[], object], deadline_s: float = 5.0) -> None:
    until = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.005)


def staged(folder: Path, replicas: int) -> Stage:
    platform = MemoryPlatform()
    program = Program(["x"], {})
    platform.deploy(
        Deployment(
            "nemesis-test", folder, folder / "l", replicas, 2, folder, lambda s: program, lambda s: program, "/h", "/r"
        )
    )
    supervisor = Supervisor(platform, {"replica": replicas, "worker": 2}, lambda members: None, replace_after_s=0.05)
    supervisor.start()
    return Stage(folder, platform, supervisor)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = staged(tmp_path, 3)
    yield made
    made.supervisor.stop()


def test_a_kill_is_recorded_from_intent_to_healed(stage: Stage) -> None:
    told: list[dict[str, Any]] = []
    nemesis = stage.nemesis(Kill(at=0.05), on_event=told.append)
    eventually(lambda: stage.events() == ["intent", "injected", "landed", "healed"])
    assert nemesis.heal_all() == []
    intent, injected, landed, healed = told
    target = intent["target"]
    assert {key: intent[key] for key in ("kind", "role", "boot", "planned_s", "undo")} == {
        "kind": "kill",
        "role": "replica",
        "boot": target,
        "planned_s": 0.05,
        "undo": {"do": "none"},
    }
    assert stage.state(target) == "killed" and "replica-4" in healed["how"]
    assert intent["at"] < injected["at"] < landed["at"] < healed["at"]
    assert told == stage.lines()


def test_a_fault_of_a_worker_hits_a_worker(stage: Stage) -> None:
    stage.nemesis(Stop(at=0, role="worker"))
    eventually(lambda: "healed" in stage.events())
    assert stage.lines()[0]["target"] in ("worker-1", "worker-2")
    assert stage.state(stage.lines()[0]["target"]) == "gone"


def test_a_pause_lasts_as_long_as_it_says_and_is_thawed(stage: Stage) -> None:
    stage.nemesis(Pause(at=0, for_s=0.4))
    eventually(lambda: stage.events() == ["intent", "injected", "landed", "healed"])
    assert (stage.lines()[-1]["at"] - stage.lines()[-2]["at"]) / 1e9 >= 0.4
    eventually(lambda: stage.state(stage.lines()[0]["target"]) == "ready")


def test_while_one_is_frozen_other_faults_go_on(stage: Stage) -> None:
    nemesis = stage.nemesis(Pause(at=0, for_s=60), Kill(at=0.1))
    eventually(lambda: stage.events(2)[-1:] == ["healed"])
    assert stage.events(1) == ["intent", "injected", "landed"]
    frozen, killed = stage.lines(1)[0]["target"], stage.lines(2)[0]["target"]
    assert frozen != killed and stage.state(frozen) == "paused"
    assert nemesis.heal_all() == []


def test_scaling_is_seen_in_ready_members_and_brought_back_at_the_end(stage: Stage) -> None:
    nemesis = stage.nemesis(Scale(at=0, to=5), Scale(at=0.3, to=2))
    eventually(lambda: stage.events(2)[-1:] == ["healed"])
    assert [stage.lines(n)[0]["target"] for n in (1, 2)] == ["3->5", "5->2"]
    assert [stage.lines(n)[0]["undo"]["to"] for n in (1, 2)] == [3, 5]
    assert len(stage.supervisor.ready("replica")) == 2
    assert "stopped" not in stage.lines(1)[2]
    assert sorted(stage.lines(2)[2]["stopped"]) == ["replica-3", "replica-4", "replica-5"]
    assert nemesis.heal_all() == [] and len(stage.supervisor.ready("replica")) == 3


def test_a_scale_down_that_is_not_seen_says_all_the_same_whom_it_stopped(stage: Stage) -> None:
    stage.platform.unseen.add("stop")
    stage.nemesis(Scale(at=0, to=2, reached_within=0.5))
    eventually(lambda: stage.events() == ["intent", "injected", "failed"])
    assert stage.lines()[-1]["stopped"] == ["replica-3"]


def test_healing_ends_a_pause_at_once_and_looks_again(stage: Stage) -> None:
    nemesis = stage.nemesis(Pause(at=0, for_s=60))
    eventually(lambda: "landed" in stage.events())
    begun = time.monotonic()
    assert nemesis.heal_all() == []
    assert time.monotonic() - begun < 3
    assert stage.events() == ["intent", "injected", "landed", "healed"]
    assert {m.state for m in stage.platform.members()} == {"ready"}
    stage.platform.pause("replica-1")
    assert nemesis.heal_all(wait_s=0) == ["not thawed: replica-1 is frozen, and no fault says so"]


def test_what_cannot_be_thawed_is_told(stage: Stage) -> None:
    told: list[str] = []
    nemesis = stage.nemesis(Pause(at=0, for_s=60), on_problem=told.append)
    eventually(lambda: "landed" in stage.events())
    stage.platform.unseen.add("resume")
    problems = nemesis.heal_all(wait_s=0)
    assert problems and told == problems and "not thawed" in problems[0]
    assert stage.events()[-1] == "failed"


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


def test_a_pause_that_is_not_seen_is_undone_all_the_same(stage: Stage) -> None:
    resumed: list[str] = []
    whole = stage.platform.resume
    stage.platform.resume = lambda name: (resumed.append(name), whole(name))[1]  # type: ignore[method-assign]
    stage.platform.unseen.add("pause")
    stage.nemesis(Pause(at=0))
    eventually(lambda: stage.events() == ["intent", "injected", "failed", "healed"])
    assert resumed == [stage.lines()[0]["target"]]


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
    begun = time.monotonic()
    nemesis.heal_all("interrupted", wait_s=0)
    assert time.monotonic() - begun < 2
    assert stage.events()[-1] == "failed"


def test_the_supervisor_follows_a_replacement_that_dies_too(stage: Stage) -> None:
    stage.platform.kill("replica-1")
    eventually(lambda: "replica-4" in {m.name for m in stage.platform.members()})
    stage.platform.crash("replica-4")
    assert "replica-5" in stage.supervisor.wait_replaced("replica-1", 5)


def test_the_supervisor_says_what_cannot_be_started(tmp_path: Path) -> None:
    stage, told = staged(tmp_path, 2), threading.Event()
    stage.supervisor.stop()
    assert stage.platform._deployment is not None
    stage.platform._deployment.replica = lambda slot: Program([], {})
    supervisor = Supervisor(
        stage.platform, {"replica": 3}, lambda m: None, replace_after_s=0.01, on_problem=lambda t: told.set()
    )
    supervisor.start()
    assert told.wait(5)
    supervisor.stop()


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


def test_growth_is_seen_although_kills_never_leave_all_ready_at_once(stage: Stage) -> None:
    stage.platform.ready_after_s = 0.2
    assert stage.supervisor.set_desired("replica", 4) == []
    eventually(lambda: "replica-4" in {m.name for m in stage.platform.members()})
    stage.platform.kill("replica-1")
    eventually(lambda: "replica-4" in {m.name for m in stage.supervisor.ready("replica")})
    # Who comes in their places is not ready before the look, however late that is.
    stage.platform.ready_after_s = 60
    stage.platform.kill("replica-2")
    assert "lost to other faults" in stage.supervisor.wait_scaled("replica", [], 5)


def test_growth_that_does_not_come_up_is_not_seen(stage: Stage) -> None:
    stage.platform.ready_after_s = 60
    stage.supervisor.set_desired("replica", 4)
    eventually(lambda: "replica-4" in {m.name for m in stage.platform.members()})
    stage.platform.crash("replica-4")
    stage.platform.kill("replica-1")
    with pytest.raises(EnvironmentFailure, match="4 ready replicas are wanted"):
        stage.supervisor.wait_scaled("replica", [], 0.3)


def test_a_kill_whose_replacement_is_scaled_away_is_healed(stage: Stage) -> None:
    nemesis = stage.nemesis(Scale(at=0, to=4), Kill(at=0.3))
    eventually(lambda: "landed" in stage.events(2))
    victim = stage.lines(2)[0]["target"]
    eventually(lambda: stage.supervisor._replaced.get(victim))
    assert nemesis.heal_all() == []
    assert stage.events(2)[-1] == "healed"
