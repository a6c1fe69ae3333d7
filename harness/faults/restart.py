"""restart: every member of a role is replaced by another of the same version, one after another.

What a rollout restart does: one more is begun, and when it is ready an old one is stopped gracefully. Lands when all
old members have exited by themselves and the wanted number is ready. It stays: there is nothing to heal.
"""

from __future__ import annotations

from typing import Literal

from harness.faults.replacement import Replacement
from harness.platforms.abilities import Renewable, SelfHealing
from harness.supervision.rollout import Rollout


class Restart(Replacement):
    """Members of the same version take the place of the old ones, member by member."""

    needs = (Renewable, SelfHealing)

    kind: Literal["restart"] = "restart"

    def replace(self, rollout: Rollout) -> str:
        return rollout.roll()
