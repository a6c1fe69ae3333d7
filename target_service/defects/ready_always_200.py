"""The readiness endpoint is a constant, and a leaving replica closes its connections to the store first.

Seen in the wild: `return "ok"` behind the readiness probe, together with a shutdown hook that closes the pool (a
context that is closed, an atexit handler). Nobody tells the balancer, so it goes on sending requests to a replica that
can no longer do any of them.
"""

from typing import Any

from target_service.drain import Drain
from target_service.parts import Parts
from target_service.problems import Problem, Unavailable


class AlwaysReady(Drain):
    """Says yes to the balancer, and no to everybody whom it then sends."""

    def begin(self) -> None:
        """Closes the pool, as the hook does."""
        super().begin()
        self._store.command = _closed  # type: ignore[method-assign]

    async def unready(self) -> Problem | None:
        """Never."""
        return None


async def _closed(*_: Any, **__: Any) -> Any:
    raise Unavailable("The pool is closed")


def apply(parts: Parts) -> None:
    """Exchanges the leaving."""
    parts.drain = AlwaysReady
