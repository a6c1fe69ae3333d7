"""A refresh token is taken for stolen the moment it is presented a second time.

Seen in the wild: strict rotation as many libraries have it by default. A client whose answer was lost (a replica
killed, a train in a tunnel) can only present the same token again, and is logged out for it.
"""

from dataclasses import replace

from target_service.parts import Parts
from target_service.sessions import Sessions
from target_service.settings import Settings
from target_service.store import Store

NO_GRACE_S = -1.0
"""A grace so short that a repetition within the same millisecond is too late."""


class StrictSessions(Sessions):
    """Sessions that are right in everything except the grace."""

    def __init__(self, store: Store, settings: Settings) -> None:
        super().__init__(store, replace(settings, refresh_grace_s=NO_GRACE_S))


def apply(parts: Parts) -> None:
    """Replace the sessions."""
    parts.sessions = StrictSessions
