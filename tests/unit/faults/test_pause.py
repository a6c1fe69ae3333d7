"""pause: lasts as long as it says, and is thawed whatever happens."""

from __future__ import annotations

from harness.faults import Pause
from tests.support.fault_stage import Stage, eventually


def test_a_pause_lasts_as_long_as_it_says_and_is_thawed(stage: Stage) -> None:
    stage.nemesis(Pause(at=0, for_s=0.4))
    eventually(lambda: stage.events() == ["intent", "injected", "landed", "healed"])
    assert (stage.lines()[-1]["at"] - stage.lines()[-2]["at"]) / 1e9 >= 0.4
    eventually(lambda: stage.state(stage.lines()[0]["target"]) == "ready")


def test_what_cannot_be_thawed_is_told(stage: Stage) -> None:
    told: list[str] = []
    nemesis = stage.nemesis(Pause(at=0, for_s=60), on_problem=told.append)
    eventually(lambda: "landed" in stage.events())
    stage.platform.unseen.add("resume")
    problems = nemesis.heal_all(wait_s=0)
    assert problems and told == problems and "not thawed" in problems[0]
    assert stage.events()[-1] == "failed"


def test_a_pause_that_is_not_seen_is_undone_all_the_same(stage: Stage) -> None:
    resumed: list[str] = []
    whole = stage.platform.resume
    stage.platform.resume = lambda name: (resumed.append(name), whole(name))[1]  # type: ignore[method-assign]
    stage.platform.unseen.add("pause")
    stage.nemesis(Pause(at=0))
    eventually(lambda: stage.events() == ["intent", "injected", "failed", "healed"])
    assert resumed == [stage.lines()[0]["target"]]
