"""The readiness endpoint is a constant: a leaving replica is sent requests until its listener is gone.

Seen in the wild: `return "ok"` behind the readiness probe. Everything else about the leaving is right: requests are
served for as long as the listener is there, and those that were begun are finished. But nobody tells the balancer, so
there are always some that the listener had not handed over when it was closed: those get no answer.
"""

from target_service.drain import Drain
from target_service.parts import Parts
from target_service.problems import Problem


class AlwaysReady(Drain):
    """Says yes to the balancer until it can say nothing."""

    async def unready(self) -> Problem | None:
        """Never."""
        return None


def apply(parts: Parts) -> None:
    """Exchanges the leaving."""
    parts.drain = AlwaysReady
