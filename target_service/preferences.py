"""Preferences: one record a user, replaced only by whoever has seen what it replaces.

Keys    preferences:<user>   hash: theme, language, timezone, updated_ms, version. No TTL: it is the user's.
Owner   the user; only the script below writes it.
Trips   1 each. The comparison of the version and the write are one script: of two who have seen the same version one
        alone is accepted, and the other is told (412).
Crash   before the script nothing changed; after it the new version stands. A client that lost the reply reads what is
        there: if it is not what it wrote, it writes again with the version it then has.
Nothing is cached in a replica: a change through one would not be seen through another.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from target_service.problems import PreconditionFailed
from target_service.sessions import Sessions
from target_service.state import Key, State
from target_service.store import Store
from target_service.tokens import Claims

STATE = State(
    name="Preferences",
    keys=(
        Key(
            "preferences:*",
            "hash",
            None,
            "the user; one script compares the version and writes",
            "theme, language, timezone, when they were changed, and the version that the next change must name",
        ),
    ),
    scripts=("preferences_read", "preferences_write"),
    trips={"GET /api/preferences": 1, "PUT /api/preferences": 1},
    crash="""Before the script nothing changed, after it the new version stands. A client that lost the reply reads, and
    writes again with the version it finds.""",
)

ANY = "*"
"""As a version to replace: whichever there is (RFC 9110, If-Match)."""


@dataclass(frozen=True)
class Preferences:
    """What a user prefers. `version` 0 and no `updated_ms` (Unix time): never changed."""

    theme: str = "system"
    language: str = "en"
    timezone: str = "UTC"
    updated_ms: int | None = None
    version: int = 0

    @property
    def updated_at(self) -> str | None:
        """RFC 3339, in UTC; None if never changed."""
        if self.updated_ms is None:
            return None
        return datetime.fromtimestamp(self.updated_ms / 1000, UTC).isoformat(timespec="milliseconds")


def preferences_key(user: str) -> str:
    """Where the preferences of a user are."""
    return f"preferences:{user}"


class PreferenceBook:
    """Preferences in the store."""

    def __init__(self, store: Store, sessions: Sessions) -> None:
        self._store = store
        self._sessions = sessions

    async def read(self, claims: Claims) -> Preferences:
        """The preferences of the session's user; the defaults if they were never changed."""
        found = await self._sessions.run(claims, "preferences_read", [preferences_key(claims.user)])
        theme, language, timezone, updated_ms, version = found
        if version is None:
            return Preferences()
        return Preferences(theme.decode(), language.decode(), timezone.decode(), int(updated_ms), int(version))

    async def write(self, claims: Claims, match: str, theme: str, language: str, timezone: str) -> Preferences:
        """Replaces version `match`, or ANY; raises PreconditionFailed when another one is current."""
        arguments = [match, theme, language, timezone]
        written = await self._sessions.run(claims, "preferences_write", [preferences_key(claims.user)], arguments)
        if not written:
            raise PreconditionFailed()
        updated_ms, version = written
        return Preferences(theme, language, timezone, int(updated_ms), int(version))
