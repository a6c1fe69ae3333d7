"""Every request, refused ones included, starts the window of its counter anew.

Seen in the wild: `INCR key`, `EXPIRE key window`, in one pipeline and without a condition. A client that keeps asking
puts off the end of the window each time, and is never admitted again.
"""

from target_service.accounts import user_key
from target_service.limits import Limits
from target_service.parts import Parts
from target_service.tokens import Claims


class PutOffLimits(Limits):
    """Limits that count requests in a window which ends only after a silence."""

    async def _decide(self, claims: Claims) -> int:
        await self._sessions.run(claims, "profile", [user_key(claims.user)])
        name = f"limit-count:{claims.user}"
        window_us = self.limited.burst * self.limited.interval_us
        count = await self._store.command("INCR", name)
        await self._store.command("PEXPIRE", name, window_us // 1000)
        return window_us if count > self.limited.burst else 0


def apply(parts: Parts) -> None:
    """Replace the limits."""
    parts.limits = PutOffLimits
