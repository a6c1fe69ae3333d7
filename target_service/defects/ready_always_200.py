"""The readiness endpoint is a constant: a leaving replica is sent requests until its listener is gone.

Seen in the wild: `return "ok"` behind the readiness probe. The rest of the leaving is right: requests are served for as
long as the listener is there, and those that were begun are finished. But nobody tells the balancer. So some
connections are always waiting in the listener when it is closed, and their requests get no answer.
"""

from target_service.drain import Drain
from target_service.parts import Parts
from target_service.problems import Problem


class AlwaysReady(Drain):
    """Leaving that the balancer is not told of."""

    async def unready(self) -> Problem | None:
        """Return no reason, ever."""
        return None


def apply(parts: Parts) -> None:
    """Replace the leaving."""
    parts.drain = AlwaysReady
