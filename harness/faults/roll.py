"""roll: a rolling update to a new version of the service, one member after another. A good service fails no request.

One more of the new version is begun, and when it is ready an old one is stopped gracefully (maxSurge 1,
maxUnavailable 0). Lands when the old version is gone, each member having exited by itself, and the wanted number of
the new is ready. It stays: there is nothing to heal.
"""

from __future__ import annotations

from typing import Literal

from harness.faults.base import Context, Fault, Span, version
from harness.supervision.rollout import Rollout


class Roll(Fault):
    """`environment`: what the new version has. `reached_within` bounds the wait for the last of it, in seconds."""

    needs_target = False
    graceful = True
    renews = True
    whole_role = True
    needs = "roll"

    kind: Literal["roll"] = "roll"
    environment: dict[str, str] = {}
    reached_within: Span = 60.0

    def describe(self, context: Context) -> str:
        return f"all {context.keeper.desired[self.role]} {self.role}s"

    def inject(self, context: Context) -> str:
        given = version(self.environment)
        return Rollout(context.keeper, self.role, given, self.reached_within, context.abort, context.stopped).roll()

    def heal(self, context: Context) -> str:
        return "the new version stays"
