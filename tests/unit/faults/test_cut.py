"""cut: a replica is not reached for as long as it says, and mended whatever happens."""

from __future__ import annotations

import time

from harness.faults import Cut, Pause
from tests.support.fault_stage import Stage, eventually


def test_a_cut_replica_is_mended_when_its_time_is_over(stage: Stage) -> None:
    stage.nemesis(Cut(at=0, for_s=0.3))
    eventually(lambda: stage.events() == ["intent", "injected", "landed", "healed"])
    assert stage.lines()[-1]["at"] - stage.lines()[-2]["at"] >= 0.3e9
    eventually(lambda: stage.state(stage.lines()[0]["target"]) == "ready")


def test_a_cut_replica_is_not_ready_and_noted_as_one_to_mend(stage: Stage) -> None:
    nemesis = stage.nemesis(Cut(at=0, for_s=60))
    eventually(lambda: "landed" in stage.events())
    target = stage.lines()[0]["target"]
    assert stage.lines()[0]["undo"] == {"do": "mend", "target": target}
    assert target not in [m.name for m in stage.supervisor.ready("replica")]
    assert nemesis.heal_all() == []


def test_healing_mends_at_once_and_tells_what_cannot_be_mended(stage: Stage) -> None:
    nemesis = stage.nemesis(Cut(at=0, for_s=60), Pause(at=0, for_s=60))
    eventually(lambda: all("landed" in stage.events(n) for n in (1, 2)))
    begun = time.monotonic()
    assert nemesis.heal_all() == [] and time.monotonic() - begun < 30
    assert {m.state for m in stage.platform.members()} == {"ready"}


def test_what_cannot_be_mended_is_told(stage: Stage) -> None:
    nemesis = stage.nemesis(Cut(at=0, for_s=60))
    eventually(lambda: "landed" in stage.events())
    stage.platform.unseen.add("mend")
    assert any("not mended" in text for text in nemesis.heal_all(wait_s=0))
    stage.platform.unseen.clear()
    assert nemesis.heal_all() == []


def test_a_cut_that_is_not_seen_is_mended_all_the_same(stage: Stage) -> None:
    mended: list[str] = []
    whole = stage.platform.mend
    stage.platform.mend = lambda name: (mended.append(name), whole(name))[1]  # type: ignore[method-assign]
    stage.platform.unseen.add("cut")
    stage.nemesis(Cut(at=0))
    eventually(lambda: stage.events() == ["intent", "injected", "failed", "healed"])
    assert mended == [stage.lines()[0]["target"]]
