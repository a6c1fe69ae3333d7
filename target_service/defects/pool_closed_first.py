"""A leaving replica closes its connections to the store before anybody knows that it leaves.

Seen in the wild: shutdown hooks that run at SIGTERM and not after the last request (a context that is closed, the pools
of an application server). Readiness says no from that moment on, but the balancer takes a moment to ask. Until then
every request that is sent here fails.
"""

from typing import Any

from target_service.drain import Drain
from target_service.parts import Parts
from target_service.problems import Unavailable


class PoolClosedFirst(Drain):
    """Leaving that begins with the connections to the store."""

    def begin(self) -> None:
        """Close the connections, as the hook does."""
        super().begin()
        self._store.command = _closed  # type: ignore[method-assign]


async def _closed(*_: Any, **__: Any) -> Any:
    raise Unavailable("The pool is closed")


def apply(parts: Parts) -> None:
    """Replace the leaving."""
    parts.drain = PoolClosedFirst
