"""A counter is incremented, and the request that finds itself the first of a window gives the counter its end.

Seen in the wild: the limiter of countless tutorials, `if INCR(key) == 1: EXPIRE(key)`. A replica that is killed between
the two leaves a counter without an end. No later request is the first, so none gives it an end, and the user is locked
out for good. Something usually happens between the two commands. Here it is an entry in an audit log about the window
that was opened, which takes as long as such entries do, so that a kill needs no luck. The end is counted from the first
request, however long the entry takes: a window is never longer than it should be.
"""

import asyncio
import time

from target_service.accounts import user_key
from target_service.limits import Limits
from target_service.parts import Parts
from target_service.tokens import Claims

AUDIT_S = 0.35
"""How long the entry in the audit log takes, in seconds."""


class CounterLimits(Limits):
    """Limits that count requests in a window."""

    async def _decide(self, claims: Claims) -> int:
        await self._sessions.run(claims, "profile", [user_key(claims.user)])
        name = f"limit-count:{claims.user}"
        window_us = self.limited.burst * self.limited.interval_us
        ends_ms = int(time.time() * 1000) + window_us // 1000
        count = await self._store.command("INCR", name)
        if count == 1:
            await asyncio.sleep(AUDIT_S)
            await self._store.command("PEXPIREAT", name, ends_ms)
        return window_us if count > self.limited.burst else 0


def apply(parts: Parts) -> None:
    """Replace the limits."""
    parts.limits = CounterLimits
