"""switch: blue and green. A whole new version is brought up beside the old one and gets all requests at one stroke.

The new members are held back from requests until all of them are ready; then they are admitted, and the old ones are
stopped gracefully. Lands when the old version is gone, each member having exited by itself, and the wanted number of
the new is ready. It stays: there is nothing to heal.
"""

from __future__ import annotations

from typing import Literal

from harness.faults.base import Context, Fault, Span, version
from harness.supervision.rollout import Rollout


class Switch(Fault):
    """`environment`: what the new version has. `reached_within` bounds the wait for all of it, in seconds."""

    needs_target = False
    graceful = True
    renews = True
    whole_role = True
    needs = "switch"

    kind: Literal["switch"] = "switch"
    environment: dict[str, str] = {}
    reached_within: Span = 60.0

    def describe(self, context: Context) -> str:
        return f"all {context.keeper.desired[self.role]} {self.role}s"

    def inject(self, context: Context) -> str:
        given = version(self.environment)
        return Rollout(context.keeper, self.role, given, self.reached_within, context.abort, context.stopped).switch()

    def heal(self, context: Context) -> str:
        return "the new version stays"
