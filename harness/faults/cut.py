"""cut: a replica is taken off the network by which it is reached, for some seconds, then put back.

It lives on and may act on what it has taken, but its answers reach nobody. Lands when the platform sees it off the
network; heals when it is seen on it again.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from harness.faults.base import Context, Fault, Span
from harness.platforms.abilities import Disconnectable


class Cut(Fault):
    """`for`: how long it stays cut off, in seconds. Only replicas are reached by anybody."""

    rough = True
    needs = (Disconnectable,)

    kind: Literal["cut"] = "cut"
    role: Literal["replica"] = "replica"
    for_s: Span = Field(default=4.0, alias="for")

    def undo(self, context: Context) -> dict[str, Any]:
        return {"do": "mend", "target": context.victim.name}

    def inject(self, context: Context) -> str:
        return context.able(Disconnectable).cut(context.victim.name)

    def heal(self, context: Context) -> str:
        context.abort.wait(self.for_s)
        return context.able(Disconnectable).mend(context.victim.name)
