"""Sessions: opened by a login, carried by tokens, renewed by refreshing, ended by a logout.

Keys    session:<sid>   hash: user, epoch (the user's when it was opened), generation (of the refresh token that is
                        current), kid (the key that this one is under), retired:<generation> (ms, when it was rotated
                        away; kept for the grace), oldest (first generation with such a time).
                        Lives REFRESH_TTL_S from the login or the last rotation.
        revoked:<sid>   string: user. Set by a logout or a reuse; lives as long as any token of the session could.
Owner   the session; only the scripts below write it.
Trips   login 1 (besides the password's own), refresh 1, logout 1, and 0 of its own for any authenticated request:
        the check stands at the head of that request's own script (lua/live.lua).
Crash   login: before the script nothing exists; after it a session nobody holds a token of, which expires.
        refresh: after the rotation and before its reply the client still holds the predecessor. It presents it again
        and, within the grace, gets the very same successor. That is no theft: the rule below tells them apart.
        logout: revocation and end of the record are one script; a client that lost the reply asks again and gets 401,
        which is what it wanted. So it is with a logout everywhere, which is one increment: a session is live only in
        the epoch of its user in which it was opened. Their records expire by themselves.

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
from target_service.problems import CredentialsRefused, NotAuthenticated
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
            "user, epoch, generation of the refresh token, when older ones retired: what a token cannot say of itself",
        ),
        Key(
            "revoked:*",
            "string",
            "as long as any token of the session could",
            "the log-out, or a reuse",
            "that no token of this session is good any more",
        ),
    ),
    scripts=("session_open", "session_refresh", "session_revoke", "session_revoke_all", "profile"),
    trips={
        "POST /api/login": (
            2,
            "the password must be checked before a session is opened, and argon2 is not in the store",
        ),
        "POST /api/refresh": 1,
        "POST /api/logout": 1,
        "POST /api/logout-all": 1,
        "GET /profile": 1,
    },
    crash="""Login: after the script a session that nobody holds a token of, which expires. Refresh: after the rotation
    and before its reply the client presents the predecessor again, and within the grace gets the very same successor.
    Log-out: revocation and end of the record are one script; asked again it answers 401, which is what was wanted.""",
)


@dataclass(frozen=True)
class Opened:
    """A session as a login or a refresh leaves it: the generation whose refresh token the client now holds.

    `role`: the user's. `kid`: the key that the refresh token is under, "" for the one that signs.
    """

    session: str
    generation: int
    user: str
    role: str = "user"
    kid: str = ""


@dataclass(frozen=True)
class Profile:
    """What a user is shown of the own account. `created_ms`: Unix time in milliseconds."""

    username: str
    created_ms: int
    role: str


def session_keys(session: str) -> list[str]:
    """The record and the revocation of a session."""
    return [f"session:{session}", f"revoked:{session}"]


def authority_keys(claims: Claims) -> list[str]:
    """The two keys every authenticated script begins with: what makes its claims good, and what ends that.

    An API key ends with its record, so its second key is never there.
    """
    if claims.machine:
        return [f"apikey:{claims.session}", f"revoked:{claims.session}"]
    return session_keys(claims.session)


class Sessions:
    """Sessions in the store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._life_ms = int(settings.refresh_ttl_s * 1000)
        self._grace_ms = int(settings.refresh_grace_s * 1000)
        self._leeway_ms = int(settings.jwt_leeway_s * 1000)

    async def open(self, user: str, kid: str) -> Opened:
        """A new session of a user whose password has been checked; its refresh token is under the key `kid`."""
        session = secrets.token_hex(16)
        keys = [session_keys(session)[0], user_key(user)]
        role = await self._store.run("session_open", keys, [user, self._life_ms, kid])
        if role is None:
            raise CredentialsRefused()
        return Opened(session, 1, user, role.decode(), kid)

    async def run(self, claims: Claims, script: str, keys: Sequence[str] = (), args: Sequence[str | int] = ()) -> Reply:
        """Runs a script on behalf of a session or an API key, in the same step as the check that it is live.

        The script sees its own keys from KEYS[3] and its own arguments from ARGV[2] on; the user's is its last key.
        Raises NotAuthenticated.
        """
        named = [*authority_keys(claims), *keys, user_key(claims.user)]
        reply = await self._store.run(script, named, [claims.user, *args])
        if reply is None:
            raise NotAuthenticated()
        return reply

    async def profile(self, claims: Claims) -> Profile:
        """The profile of the session's user."""
        username, created_ms, role = await self.run(claims, "profile")
        return Profile((username or b"").decode(), int(created_ms or 0), (role or b"").decode())

    async def revoke(self, claims: Claims) -> None:
        """Ends the session: from the return of this on, no token of it is good. Raises Forbidden for an API key."""
        claims.require("sessions")
        await self.run(claims, "session_revoke", args=[self._leeway_ms])

    async def revoke_all(self, claims: Claims) -> None:
        """Ends every session of the user that is open now; raises Forbidden for an API key."""
        claims.require("sessions")
        await self.run(claims, "session_revoke_all")

    async def refresh(self, token: RefreshToken, kid: str) -> Opened:
        """Rotates the refresh token to one under the key `kid`, or repeats the last rotation.

        Raises NotAuthenticated.
        """
        outcome, *rest = await self._store.run(
            "session_refresh",
            [*session_keys(token.session), user_key(token.user)],
            [token.user, token.generation, self._grace_ms, self._life_ms, self._leeway_ms, kid],
        )
        match outcome, rest:
            case b"ok", [generation, role, signed_with]:
                return Opened(token.session, generation, token.user, role.decode(), signed_with.decode())
            case b"reused", _:
                logs.event("refresh_reused", user=token.user, session=token.session)
        raise NotAuthenticated()
