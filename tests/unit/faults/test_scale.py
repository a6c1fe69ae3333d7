"""scale: seen in ready members, and brought back at the end."""

from __future__ import annotations

import pytest

from harness.errors import EnvironmentFailure
from harness.faults import Scale
from tests.support.fault_stage import Stage, eventually


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
