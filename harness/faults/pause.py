"""pause: SIGSTOP for some seconds, then SIGCONT: a long collection, a swapping host, a partition that heals.

The dangerous part is the thaw: the member goes on as if no time had passed. Lands when all its threads are in the
stopped state; heals when, thawed, none is.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from harness.faults.base import Context, Fault, Span
from harness.platforms.abilities import Pausable


class Pause(Fault):
    """`for`: how long it stays frozen, in seconds."""

    rough = True
    needs = (Pausable,)

    kind: Literal["pause"] = "pause"
    for_s: Span = Field(default=4.0, alias="for")

    def undo(self, context: Context) -> dict[str, Any]:
        return {"do": "resume", "target": context.victim.name}

    def inject(self, context: Context) -> str:
        return context.able(Pausable).pause(context.victim.name)

    def heal(self, context: Context) -> str:
        context.abort.wait(self.for_s)
        return context.able(Pausable).resume(context.victim.name)
