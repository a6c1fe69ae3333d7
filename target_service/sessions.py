"""Sessions: opened by a login, carried by tokens, renewed by refreshing, ended by a logout.

Keys    session:<sid>   hash: user, generation (of the refresh token that is current), retired:<generation> (ms, when
                        it was rotated away; kept for the grace), oldest (first generation with such a time).
                        Lives REFRESH_TTL_S from the login or the last rotation.
        revoked:<sid>   string: user. Set by a logout or a reuse; lives as long as any token of the session could.
Owner   the session; only the scripts below write it.
Trips   login 1 (besides the password's own), refresh 1, logout 1, and 0 of its own for any authenticated request:
        the check stands at the head of that request's own script (lua/live.lua).
Crash   login: before the script nothing exists; after it a session nobody holds a token of, which expires.
        refresh: after the rotation and before its reply the client still holds the predecessor. It presents it again
        and, within the grace, gets the very same successor. That is no theft: the rule below tells them apart.
        logout: revocation and end of the record are one script; a client that lost the reply asks again and gets 401,
        which is what it wanted.

Reuse   A presented generation is: the current one: rotated. The immediate predecessor within the grace: answered with
        the same successor. An older one within the grace: refused, and nothing else happens (a replica that was
        frozen and thawed replays such a request without anybody having stolen anything). Any other: the token has
        leaked, and the whole family is revoked.
Access tokens issued before a refresh stay good until they expire or the session is revoked.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from target_service import logs
from target_service.accounts import user_key
from target_service.problems import NotAuthenticated
from target_service.settings import Settings
from target_service.state import Key, State
from target_service.store import Reply, Store
from target_service.tokens import Claims, RefreshToken

STATE = State(
    name="Sessions",
    keys=(
        Key(
            "session:*",
            "hash",
            "REFRESH_TTL_S from the login or the last rotation",
            "the session; its scripts alone",
            "user, generation of the current refresh token, when older ones retired: what a token cannot say of itself",
        ),
        Key(
            "revoked:*",
            "string",
            "as long as any token of the session could",
            "the log-out, or a reuse",
            "that no token of this session is good any more",
        ),
    ),
    scripts=("session_open", "session_refresh", "session_revoke", "profile"),
    trips={
        "POST /api/login": (
            2,
            "the password must be checked before a session is opened, and argon2 is not in the store",
        ),
        "POST /api/refresh": 1,
        "POST /api/logout": 1,
        "GET /profile": 1,
    },
    crash="""Login: after the script a session that nobody holds a token of, which expires. Refresh: after the rotation
    and before its reply the client presents the predecessor again, and within the grace gets the very same successor.
    Log-out: revocation and end of the record are one script; asked again it answers 401, which is what was wanted.""",
)


@dataclass(frozen=True)
class Opened:
    """A session as a login or a refresh leaves it: the generation whose refresh token the client now holds."""

    session: str
    generation: int
    user: str


@dataclass(frozen=True)
class Profile:
    """What a user is shown of the own account. `created_ms`: Unix time in milliseconds."""

    username: str
    created_ms: int


def session_keys(session: str) -> list[str]:
    """The two keys every authenticated script begins with."""
    return [f"session:{session}", f"revoked:{session}"]


class Sessions:
    """Sessions in the store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._life_ms = int(settings.refresh_ttl_s * 1000)
        self._grace_ms = int(settings.refresh_grace_s * 1000)
        self._leeway_ms = int(settings.jwt_leeway_s * 1000)

    async def open(self, user: str) -> Opened:
        """A new session of a user whose password has been checked."""
        session = secrets.token_hex(16)
        await self._store.run("session_open", session_keys(session)[:1], [user, self._life_ms])
        return Opened(session, 1, user)

    async def run(self, claims: Claims, script: str, keys: Sequence[str] = (), args: Sequence[str | int] = ()) -> Reply:
        """Runs a script on behalf of a session, in the same step as the check that it is live.

        The script sees its own keys from KEYS[3] and its own arguments from ARGV[2] on. Raises NotAuthenticated.
        """
        reply = await self._store.run(script, [*session_keys(claims.session), *keys], [claims.user, *args])
        if reply is None:
            raise NotAuthenticated()
        return reply

    async def profile(self, claims: Claims) -> Profile:
        """The profile of the session's user."""
        username, created_ms = await self.run(claims, "profile", [user_key(claims.user)])
        return Profile((username or b"").decode(), int(created_ms or 0))

    async def revoke(self, claims: Claims) -> None:
        """Ends the session: from the return of this on, no token of it is good."""
        await self.run(claims, "session_revoke", args=[self._leeway_ms])

    async def refresh(self, token: RefreshToken) -> Opened:
        """Rotates the refresh token, or repeats the last rotation; raises NotAuthenticated."""
        outcome, *rest = await self._store.run(
            "session_refresh",
            session_keys(token.session),
            [token.generation, self._grace_ms, self._life_ms, self._leeway_ms],
        )
        match outcome, rest:
            case b"ok", [generation, user]:
                return Opened(token.session, generation, user.decode())
            case b"reused", [user]:
                logs.event("refresh_reused", user=user.decode(), session=token.session)
        raise NotAuthenticated()
