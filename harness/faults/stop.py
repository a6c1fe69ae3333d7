"""stop: SIGTERM, what a rolling update or a scale-down does. A good service drains and loses nothing.

Lands when the member has exited by itself within `grace`; one that does not is killed, and the fault has failed.
Heals when a new member is ready in its place.
"""

from __future__ import annotations

from typing import Literal

from harness.faults.base import Context, Fault, Span


class Stop(Fault):
    """A member is stopped gracefully.

    Attributes:
        grace: Seconds to drain and exit.
        replaced_within: Seconds to wait for the replacement.
    """

    graceful = True

    kind: Literal["stop"] = "stop"
    grace: Span = 10.0
    replaced_within: Span = 30.0

    def inject(self, context: Context) -> str:
        return context.platform.stop(context.victim.name, self.grace)

    def heal(self, context: Context) -> str:
        return context.supervisor.wait_replaced(context.victim.name, self.replaced_within, context.give_up)
