"""A refresh token is theft the moment it is presented a second time.

Seen in the wild: strict rotation as many libraries have it by default. A client whose answer was lost (a replica
killed, a train in a tunnel) can only present the same token again, and is logged out for it.
"""

from dataclasses import replace

from target_service.parts import Parts
from target_service.sessions import Sessions
from target_service.settings import Settings
from target_service.store import Store

NO_GRACE_S = -1.0
"""Even a repetition within the same millisecond is too late."""


class StrictSessions(Sessions):
    """Correct in everything but its patience."""

    def __init__(self, store: Store, settings: Settings) -> None:
        super().__init__(store, replace(settings, refresh_grace_s=NO_GRACE_S))


def apply(parts: Parts) -> None:
    """Exchanges the sessions."""
    parts.sessions = StrictSessions
