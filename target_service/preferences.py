"""Preferences: one record a user, replaced only by a client that has seen the version it replaces.

Keys    preferences:<user>   hash: theme, language, timezone, updated_ms, version. No TTL: the record is the user's.
Owner   the user; only the script below writes the key.
Trips   1 each. The comparison of the version and the write are one script: of two clients that have seen the same
        version one alone is accepted, and the other is told so (412).
Crash   Before the script nothing changed; after it the new version stands. A client that lost the reply reads what is
        there. If that is not what it wrote, it writes again with the version that it has just read.
Replicas cache nothing: a change through one replica would not be seen through another.
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
"""Stands for whichever version there is, as in the header If-Match (RFC 9110)."""


@dataclass(frozen=True)
class Preferences:
    """What a user prefers. Preferences that were never changed have `version` 0 and no `updated_ms` (Unix time)."""

    theme: str = "system"
    language: str = "en"
    timezone: str = "UTC"
    updated_ms: int | None = None
    version: int = 0

    @property
    def updated_at(self) -> str | None:
        """The time of the last change as RFC 3339 writes it, in UTC; None if there was none."""
        if self.updated_ms is None:
            return None
        return datetime.fromtimestamp(self.updated_ms / 1000, UTC).isoformat(timespec="milliseconds")


def preferences_key(user: str) -> str:
    """Return the key of a user's preferences."""
    return f"preferences:{user}"


class PreferenceBook:
    """Preferences in the store."""

    def __init__(self, store: Store, sessions: Sessions) -> None:
        self._store = store
        self._sessions = sessions

    async def read(self, claims: Claims) -> Preferences:
        """Return the preferences of the session's user: the defaults, if they were never changed.

        Raises:
            NotAuthenticated: The session is not live.
            Unavailable: The store did not answer.
        """
        found = await self._sessions.run(claims, "preferences_read", [preferences_key(claims.user)])
        theme, language, timezone, updated_ms, version = found
        if version is None:
            return Preferences()
        return Preferences(theme.decode(), language.decode(), timezone.decode(), int(updated_ms), int(version))

    async def write(self, claims: Claims, match: str, theme: str, language: str, timezone: str) -> Preferences:
        """Replace the preferences of the session's user.

        They live for ever. A replica that dies after the script leaves a version whose reply was lost; the client reads
        it.

        Args:
            claims: Whose preferences these are.
            match: The version to replace, or ANY.
            theme: The new theme.
            language: The new language.
            timezone: The new time zone.

        Returns:
            The preferences as they are now, with their version.

        Raises:
            PreconditionFailed: Another version is current.
            NotAuthenticated: The session is not live.
            Unavailable: The store did not answer.
        """
        arguments = [match, theme, language, timezone]
        written = await self._sessions.run(claims, "preferences_write", [preferences_key(claims.user)], arguments)
        if not written:
            raise PreconditionFailed()
        updated_ms, version = written
        return Preferences(theme, language, timezone, int(updated_ms), int(version))
