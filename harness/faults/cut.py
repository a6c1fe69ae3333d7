"""cut: a replica is taken off the network by which it is reached, for some seconds, then put back.

It lives on and may act on what it has taken, but its answers reach nobody. Lands when the platform sees it off the
network; heals when it is seen on it again.
"""

from __future__ import annotations

from typing import Literal

from harness.faults.base import Context, Lasting
from harness.faults.undo import Mend, Undo
from harness.platforms.abilities import Disconnectable


class Cut(Lasting):
    """A replica is reached by nobody for some seconds.

    Attributes:
        role: Whom it is done to: nobody reaches a worker.
    """

    rough = True
    needs = (Disconnectable,)

    kind: Literal["cut"] = "cut"
    role: Literal["replica"] = "replica"

    def undo(self, context: Context) -> Undo:
        return Mend(context.victim.name, context.victim.handle)

    def inject(self, context: Context) -> str:
        return context.able(Disconnectable).cut(context.victim.name)
