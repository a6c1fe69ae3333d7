"""Sessions live in a dictionary of the process that served the login.

Seen in the wild: the default session store of many frameworks (express-session's MemoryStore, servlet sessions without
replication). It works until a second instance is started, and then seems to work while the balancer is sticky.
"""

import secrets
from collections.abc import Sequence

from target_service.parts import Parts
from target_service.problems import NotAuthenticated
from target_service.sessions import Opened, Sessions
from target_service.settings import Settings
from target_service.store import Reply, Store
from target_service.tokens import Claims, RefreshToken

ALWAYS_LIVE = "local function live() return true end\n"


class MemorySessions(Sessions):
    """Sessions that are known to this process alone, and only until it ends."""

    def __init__(self, store: Store, settings: Settings) -> None:
        super().__init__(store, settings)
        self._open: dict[str, Opened] = {}

    async def open(self, user: str, kid: str) -> Opened:
        """Open a session in this process."""
        opened = Opened(secrets.token_hex(16), 1, user)
        self._open[opened.session] = opened
        return opened

    async def run(self, claims: Claims, script: str, keys: Sequence[str] = (), args: Sequence[str | int] = ()) -> Reply:
        """Run the script if this process knows the session."""
        if claims.session not in self._open:
            raise NotAuthenticated()
        return await super().run(claims, script, keys, args)

    async def revoke(self, claims: Claims) -> None:
        """Forget the session in this process."""
        if self._open.pop(claims.session, None) is None:
            raise NotAuthenticated()

    async def refresh(self, token: RefreshToken, kid: str) -> Opened:
        """Rotate the refresh token in this process."""
        opened = self._open.get(token.session)
        if opened is None or opened.generation != token.generation:
            raise NotAuthenticated()
        self._open[token.session] = opened = Opened(token.session, opened.generation + 1, opened.user)
        return opened


def apply(parts: Parts) -> None:
    """Replace the sessions; the store is no longer asked about them."""
    parts.lua["live"] = ALWAYS_LIVE
    parts.sessions = MemorySessions
