"""pause: SIGSTOP for some seconds, then SIGCONT: a long collection, a swapping host, a partition that heals.

The dangerous part is the thaw: the member goes on as if no time had passed. Lands when all its threads are in the
stopped state; heals when, thawed, none is.
"""

from __future__ import annotations

from typing import Literal

from harness.faults.base import Context, Lasting
from harness.faults.undo import Thaw, Undo
from harness.platforms.abilities import Pausable


class Pause(Lasting):
    """`for`: how long it stays frozen, in seconds."""

    rough = True
    needs = (Pausable,)

    kind: Literal["pause"] = "pause"

    def undo(self, context: Context) -> Undo:
        return Thaw(context.victim.name, context.victim.handle)

    def inject(self, context: Context) -> str:
        return context.able(Pausable).pause(context.victim.name)
