"""Each replica counts for itself, so that N replicas admit N times as much.

Seen in the wild: limiters in the memory of the process (token buckets of a middleware, a decorator with a dictionary).
They were right while there was one process, and admit more with every scale-up.
"""

import time

from target_service.accounts import user_key
from target_service.limits import Limits
from target_service.parts import Parts
from target_service.sessions import Sessions
from target_service.settings import Settings
from target_service.store import Store
from target_service.tokens import Claims


class MemoryLimits(Limits):
    """Limits that know only the requests which came to this process."""

    def __init__(self, store: Store, sessions: Sessions, settings: Settings) -> None:
        super().__init__(store, sessions, settings)
        self._due_us: dict[str, float] = {}

    async def _decide(self, claims: Claims) -> int:
        await self._sessions.run(claims, "profile", [user_key(claims.user)])
        now_us = time.monotonic_ns() / 1000
        interval_us = self.limited.interval_us
        due_us = max(self._due_us.get(claims.user, 0.0), now_us)
        early_us = due_us - now_us - (self.limited.burst - 1) * interval_us
        if early_us > 0:
            return int(early_us) + 1
        self._due_us[claims.user] = due_us + interval_us
        return 0


def apply(parts: Parts) -> None:
    """Replace the limits."""
    parts.limits = MemoryLimits
