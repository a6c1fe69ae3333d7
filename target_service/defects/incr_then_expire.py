"""A counter is incremented, and then, in a second command, given its life anew.

Seen in the wild: the limiter of countless tutorials, `INCR key`, `EXPIRE key window`. Every request, refused ones
included, puts the end of the window off, so that a client who keeps asking is never admitted again; and a replica that
is killed between the two commands leaves a counter that never ends.
"""

from target_service.accounts import user_key
from target_service.limits import Limits
from target_service.parts import Parts
from target_service.tokens import Claims


class CounterLimits(Limits):
    """Counts requests in a window."""

    async def _decide(self, claims: Claims) -> int:
        await self._sessions.run(claims, "profile", [user_key(claims.user)])
        name = f"limit-count:{claims.user}"
        window_us = self.limited.burst * self.limited.interval_us
        count = await self._store.command("INCR", name)
        await self._store.command("PEXPIRE", name, window_us // 1000)
        return window_us if count > self.limited.burst else 0


def apply(parts: Parts) -> None:
    """Exchanges the limits."""
    parts.limits = CounterLimits
