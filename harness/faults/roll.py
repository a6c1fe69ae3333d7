"""roll: a rolling update to a new version of the service, one member after another. A good service fails no request.

One more of the new version is begun, and when it is ready an old one is stopped gracefully (maxSurge 1,
maxUnavailable 0). Lands when the old version is gone, each member having exited by itself, and the wanted number of
the new is ready. It stays: there is nothing to heal.
"""

from __future__ import annotations

from typing import Literal

from harness.faults.replacement import NewVersion
from harness.platforms.abilities import Renewable, SelfHealing
from harness.supervision.rollout import Rollout


class Roll(NewVersion):
    """A new version takes the place of the old one, member by member."""

    needs = (Renewable, SelfHealing)

    kind: Literal["roll"] = "roll"

    def replace(self, rollout: Rollout) -> str:
        return rollout.roll()
