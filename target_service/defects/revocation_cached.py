"""Each replica remembers for thirty seconds that a session was not revoked.

Seen in the wild: a token-introspection or session cache put before the store "to save a round trip" (gateways that
cache introspection results, in-process caches around a revocation list). A logout through one replica leaves the
session alive at the others.
"""

import time
from collections.abc import Sequence

from target_service.parts import Parts
from target_service.problems import NotAuthenticated
from target_service.sessions import Sessions, authority_keys
from target_service.settings import Settings
from target_service.store import Reply, Store
from target_service.tokens import Claims

CACHED_S = 30.0
ALWAYS_LIVE = "local function live() return true end\n"


class CachingSessions(Sessions):
    """Sessions that are looked up in the store once, and believed to be live for a while."""

    def __init__(self, store: Store, settings: Settings) -> None:
        super().__init__(store, settings)
        self._live_until_s: dict[str, float] = {}

    async def run(self, claims: Claims, script: str, keys: Sequence[str] = (), args: Sequence[str | int] = ()) -> Reply:
        """Run the script if the session was live when this process last looked."""
        if self._live_until_s.get(claims.session, 0.0) < time.monotonic():
            session, revocation = authority_keys(claims)
            gone = await self._store.command("EXISTS", revocation) or not await self._store.command("EXISTS", session)
            if gone:
                raise NotAuthenticated()
            self._live_until_s[claims.session] = time.monotonic() + CACHED_S
        return await super().run(claims, script, keys, args)

    async def revoke(self, claims: Claims) -> None:
        """Revoke in the store, and in the cache of this process alone."""
        self._live_until_s.pop(claims.session, None)
        await super().revoke(claims)
        self._live_until_s.pop(claims.session, None)


def apply(parts: Parts) -> None:
    """Replace the sessions; the scripts trust the cache."""
    parts.lua["live"] = ALWAYS_LIVE
    parts.sessions = CachingSessions
