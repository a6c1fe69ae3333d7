"""restart: every member of a role is replaced by another of the same version, one after another.

What a rollout restart does: one more is begun, and when it is ready an old one is stopped gracefully. Lands when all
old members have exited by themselves and the wanted number is ready. It stays: there is nothing to heal.
"""

from __future__ import annotations

from typing import Literal

from harness.faults.base import Context, Fault, Span
from harness.supervision.rollout import Rollout


class Restart(Fault):
    """`reached_within` bounds the wait for the last of them, in seconds."""

    needs_target = False
    graceful = True
    renews = True
    whole_role = True
    needs = "restart"

    kind: Literal["restart"] = "restart"
    reached_within: Span = 60.0

    def describe(self, context: Context) -> str:
        return f"all {context.keeper.desired[self.role]} {self.role}s"

    def inject(self, context: Context) -> str:
        return Rollout(context.keeper, self.role, {}, self.reached_within, context.abort, context.stopped).roll()

    def heal(self, context: Context) -> str:
        return f"the new {self.role}s stay"
