"""noop: nothing, at a time. It shows what a check says of a window in which nothing was done.

Lands and heals at once.
"""

from __future__ import annotations

from typing import Literal

from harness.faults.base import Context, Fault


class Noop(Fault):
    """No parameters of its own."""

    needs_target = False
    idle = True

    kind: Literal["noop"] = "noop"

    def describe(self, context: Context) -> str:
        return "nothing"

    def inject(self, context: Context) -> str:
        return "nothing was done"

    def heal(self, context: Context) -> str:
        return "nothing was undone"
