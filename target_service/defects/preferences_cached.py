"""Each replica remembers preferences for thirty seconds, and is not told when another replica changes them.

Seen in the wild: an in-process cache "because preferences hardly ever change" (memoising decorators, an ORM's identity
map kept across requests), with nothing that invalidates it in the other replicas.
"""

import time

from target_service.accounts import user_key
from target_service.parts import Parts
from target_service.preferences import PreferenceBook, Preferences
from target_service.sessions import Sessions
from target_service.store import Store
from target_service.tokens import Claims

CACHED_S = 30.0


class CachedPreferences(PreferenceBook):
    """Preferences that are read once, and answered from memory for a while."""

    def __init__(self, store: Store, sessions: Sessions) -> None:
        super().__init__(store, sessions)
        self._cached: dict[str, tuple[float, Preferences]] = {}

    async def read(self, claims: Claims) -> Preferences:
        """Return the preferences from memory, if they were read or written here lately."""
        until_s, known = self._cached.get(claims.user, (0.0, Preferences()))
        if time.monotonic() < until_s:
            await self._sessions.run(claims, "profile", [user_key(claims.user)])
            return known
        return self._keep(claims, await super().read(claims))

    async def write(self, claims: Claims, match: str, theme: str, language: str, timezone: str) -> Preferences:
        """Write to the store, and to the memory of this process alone."""
        return self._keep(claims, await super().write(claims, match, theme, language, timezone))

    def _keep(self, claims: Claims, found: Preferences) -> Preferences:
        self._cached[claims.user] = (time.monotonic() + CACHED_S, found)
        return found


def apply(parts: Parts) -> None:
    """Replace the preferences."""
    parts.preferences = CachedPreferences
