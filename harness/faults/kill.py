"""kill: SIGKILL, the death of a machine as far as the service can tell.

Lands when the exit by that signal has been waited for. Heals when a new member is ready in its place.
"""

from __future__ import annotations

from typing import Literal

from harness.faults.base import Context, Fault, Span


class Kill(Fault):
    """A member is killed.

    Attributes:
        replaced_within: Seconds to wait for the replacement.
    """

    rough = True
    ends_life = True

    kind: Literal["kill"] = "kill"
    replaced_within: Span = 30.0

    def inject(self, context: Context) -> str:
        return context.platform.kill(context.victim.name)

    def heal(self, context: Context) -> str:
        return context.supervisor.wait_replaced(context.victim.name, self.replaced_within, context.give_up)
