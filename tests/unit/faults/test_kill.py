"""kill: seen to land, and healed by a replacement."""

from __future__ import annotations

from typing import Any

from harness.faults import Kill, Scale
from tests.support.fault_stage import Stage, eventually

# Private names: `_replaced` is looked at for the moment between the start of a replacement and its readiness, for which
# nothing public waits.


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


def test_a_kill_whose_replacement_is_scaled_away_is_healed(stage: Stage) -> None:
    nemesis = stage.nemesis(Scale(at=0, to=4), Kill(at=0.3))
    eventually(lambda: "landed" in stage.events(2))
    victim = stage.lines(2)[0]["target"]
    eventually(lambda: stage.supervisor._replaced.get(victim))
    assert nemesis.heal_all() == []
    assert stage.events(2)[-1] == "healed"
