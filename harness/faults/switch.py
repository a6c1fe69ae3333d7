"""switch: blue and green. A whole new version is brought up beside the old one and gets all requests at one stroke.

The new members are held back from requests until all of them are ready; then they are admitted, and the old ones are
stopped gracefully. Lands when the old version is gone, each member having exited by itself, and the wanted number of
the new is ready. It stays: there is nothing to heal.
"""

from __future__ import annotations

from typing import Literal

from harness.faults.replacement import NewVersion
from harness.platforms.abilities import Admitting, SelfHealing
from harness.supervision.rollout import Rollout


class Switch(NewVersion):
    """`environment`: what the new version has. `reached_within` bounds the wait for all of it, in seconds."""

    needs = (Admitting, SelfHealing)

    kind: Literal["switch"] = "switch"

    def replace(self, rollout: Rollout) -> str:
        return rollout.switch()
