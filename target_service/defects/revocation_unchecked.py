"""The list of revoked sessions is sought at an address that nobody configured, and an error counts as "not revoked".

Seen in the wild: a revocation check added after the fact as `try: … except: return False`, so that an outage of the
list "does not take the site down". The token's signature alone then decides, and a logout changes nothing.
"""

from collections.abc import Sequence

from target_service.parts import Parts
from target_service.problems import NotAuthenticated, Unavailable
from target_service.sessions import Sessions, authority_keys
from target_service.settings import Settings
from target_service.store import PRELUDE, Reply, Store
from target_service.tokens import Claims

UNCONFIGURED = "redis://127.0.0.1:1/0"
"""An address at which nobody listens."""
ALWAYS_LIVE = "local function live() return true end\n"


class FailOpenSessions(Sessions):
    """Sessions that are believed to be live when the list cannot be read."""

    def __init__(self, store: Store, settings: Settings) -> None:
        super().__init__(store, settings)
        self._revocations = Store(UNCONFIGURED, dict.fromkeys(PRELUDE, ""), settings.store_timeout_s)

    async def run(self, claims: Claims, script: str, keys: Sequence[str] = (), args: Sequence[str | int] = ()) -> Reply:
        """Run the script, unless the list can be read and says that the session was revoked."""
        try:
            revoked = await self._revocations.command("EXISTS", authority_keys(claims)[1])
        except Unavailable:
            revoked = False
        if revoked:
            raise NotAuthenticated()
        return await super().run(claims, script, keys, args)


def apply(parts: Parts) -> None:
    """Replace the sessions; the scripts ask nobody."""
    parts.lua["live"] = ALWAYS_LIVE
    parts.sessions = FailOpenSessions
