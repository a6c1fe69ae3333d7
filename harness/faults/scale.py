"""scale: another number of members, as an autoscaler does; fewer means that the newest are stopped gracefully.

Lands, upwards, when that many have come to be ready; downwards, when the surplus has exited by itself. It stays,
so there is nothing to heal in the run; when the run ends its faults, the declared number is brought back. The names
of the stopped ones are in the record, landed or not.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.errors import FaultNotSeen
from harness.faults.base import Context, Fault, Span
from harness.faults.undo import BringBack, Undo
from harness.platforms.abilities import SelfHealing, Startable


class Scale(Fault):
    """Another number of members is wanted.

    Attributes:
        to: The wanted number.
        reached_within: Seconds to wait until it is seen to have landed.
    """

    needs_target = False
    graceful = True
    whole_role = True
    needs = (Startable, SelfHealing)

    kind: Literal["scale"] = "scale"
    to: Annotated[int, Field(ge=1, le=100)]
    reached_within: Span = 30.0

    @property
    def wanted(self) -> int:
        return self.to

    def undo(self, context: Context) -> Undo:
        return BringBack(self.role, context.supervisor.desired[self.role])

    def describe(self, context: Context) -> str:
        return f"{context.supervisor.desired[self.role]}->{self.to}"

    def inject(self, context: Context) -> str:
        stopped = context.supervisor.set_desired(self.role, self.to)
        context.stopped.extend(stopped)
        seen = context.supervisor.wait_scaled(self.role, stopped, self.reached_within, context.abort)
        failed = [
            context.supervisor.stop_failures[name] for name in stopped if name in context.supervisor.stop_failures
        ]
        if failed:
            raise FaultNotSeen("; ".join(failed))
        return seen

    def heal(self, context: Context) -> str:
        return f"{self.to} {self.role}s stay wanted"
