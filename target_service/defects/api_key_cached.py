"""Each replica remembers for thirty seconds that an API key was good.

Seen in the wild: keys are looked up in a slow database, so a gateway or a middleware caches what it found. A key that
leaked and was revoked still works at every replica that has seen it.
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
KEYS_ARE_LIVE = "local function live()\n  if string.sub(KEYS[1], 1, 7) == 'apikey:' then return true end\n"


class KeyCachingSessions(Sessions):
    """Sessions that ask the store about an API key once, and believe the answer for a while."""

    def __init__(self, store: Store, settings: Settings) -> None:
        super().__init__(store, settings)
        self._good_until_s: dict[str, float] = {}

    async def run(self, claims: Claims, script: str, keys: Sequence[str] = (), args: Sequence[str | int] = ()) -> Reply:
        """Run the script if the key was good when this process last looked."""
        if claims.machine and self._good_until_s.get(claims.session, 0.0) < time.monotonic():
            if not await self._store.command("EXISTS", authority_keys(claims)[0]):
                raise NotAuthenticated()
            self._good_until_s[claims.session] = time.monotonic() + CACHED_S
        return await super().run(claims, script, keys, args)


def apply(parts: Parts) -> None:
    """Replace the sessions; for API keys the scripts trust the cache."""
    parts.lua["live"] = parts.lua["live"].replace("local function live()\n", KEYS_ARE_LIVE)
    parts.sessions = KeyCachingSessions
