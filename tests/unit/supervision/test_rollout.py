"""A rollout on a platform that heals itself."""

from __future__ import annotations

from typing import Any, cast

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.base import Member
from harness.supervision.rollout import Rollout
from harness.supervision.supervisor import Supervisor


class Watched:
    """A platform that heals itself, though it replaces none."""

    name = "watched"

    def __init__(self, fails: str = "") -> None:
        self.did: list[str] = []
        self.fails = fails

    def members(self) -> list[Member]:
        return [Member("replica-1", "replica", "", 1, "b", "ready")]

    def failures(self) -> list[str]:
        return []

    def problems(self) -> list[str]:
        return []

    def ready(self, member: Member) -> bool:
        return True

    def log_tail(self, name: str) -> str:
        return ""

    def scale(self, *_: Any) -> None:
        self.did.append("scale")

    def roll(self, *_: Any) -> None:
        self.did.append("roll")

    def switch(self, *_: Any) -> None:
        self.did.append("switch")
        raise EnvironmentFailure("not available")

    def give_up(self, role: str) -> None:
        self.did.append("give up")
        if self.fails:
            raise EnvironmentFailure(self.fails)


def test_a_rollout_that_is_not_seen_in_time_is_given_up():
    platform = Watched()
    supervisor = Supervisor(cast(Any, platform), {"replica": 1}, lambda members: None)
    rollout = Rollout(supervisor, "replica", {}, 0.1)
    with pytest.raises(EnvironmentFailure, match=r"not within"):
        rollout.roll()
    assert platform.did == ["roll", "give up"] and rollout.old == ["replica-1"]
    switch = Rollout(supervisor, "replica", {}, 0.1)
    with pytest.raises(EnvironmentFailure, match="not available"):
        switch.switch()
    assert platform.did[2:] == ["switch", "give up"] and switch.old == [], "none was asked to end"
    platform.fails = "no answer"
    with pytest.raises(EnvironmentFailure, match=r"not within.*(?s:.*)nor could it be undone: no answer"):
        Rollout(supervisor, "replica", {}, 0.1).roll()
