"""Sessions: opened by a login, carried by tokens, renewed by refreshing, ended by a logout.

Keys    session:<sid>   hash: user, epoch (the user's when the session was opened), generation (of the current refresh
                        token), kid (the key that this refresh token is under), retired:<generation> (ms, when the
                        generation was rotated away; kept for the grace), oldest (first generation with such a time).
                        Lives REFRESH_TTL_S from the login or the last rotation.
        revoked:<sid>   string: user. Set by a logout or a reuse; lives as long as any token of the session could.
Owner   the session; only the scripts below write the keys.
Trips   login 1 (besides the password's own), refresh 1, logout 1. An authenticated request needs none for its check:
        the check stands at the head of the request's own script (lua/live.lua).
Crash   login: before the script nothing exists. After it there is a session whose tokens nobody holds; it expires.
        refresh: after the rotation and before its reply the client still holds the predecessor. It presents the
        predecessor again and, within the grace, gets the very same successor. That is no theft: the rule below tells
        the two apart.
        logout: the revocation and the end of the record are one script. A client that lost the reply asks again and
        gets 401: the session is over, as it wished. A logout everywhere is one increment: a session is live only in
        the epoch of its user in which it was opened. The records of ended sessions expire by themselves.

Reuse   A generation that is presented is one of these:
        the current one                         it is rotated;
        its predecessor, within the grace       it is answered with the same successor;
        an older one, within the grace          it is refused, and nothing else happens: a replica that was frozen and
                                                thawed replays such a request without anybody having stolen anything;
        any other                               the token has leaked: the whole family is revoked.
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
    """A session as a login or a refresh leaves it.

    Attributes:
        session: The id of the session.
        generation: The generation whose refresh token the client now holds.
        user: The id of the user.
        role: The role of the user.
        kid: The name of the key that the refresh token is under; "" for the key that signs.
    """

    session: str
    generation: int
    user: str
    role: str = "user"
    kid: str = ""


@dataclass(frozen=True)
class Profile:
    """What users are shown of their own account. `created_ms` is Unix time in milliseconds."""

    username: str
    created_ms: int
    role: str


def session_keys(session: str) -> list[str]:
    """Return the two keys of a session: its record and its revocation."""
    return [f"session:{session}", f"revoked:{session}"]


def authority_keys(claims: Claims) -> list[str]:
    """Return the two keys that every authenticated script begins with: what makes its claims good, and what ends that.

    An API key ends with its record, so the second key of an API key never exists.
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
        """Open a session for a user whose password has been checked.

        The session lives REFRESH_TTL_S. A replica that dies after the script leaves a session whose tokens nobody
        holds.

        Args:
            user: The id of the user.
            kid: The name of the key that the first refresh token will be under.

        Raises:
            CredentialsRefused: There is no such account.
            Unavailable: The store did not answer.
        """
        session = secrets.token_hex(16)
        keys = [session_keys(session)[0], user_key(user)]
        role = await self._store.run("session_open", keys, [user, self._life_ms, kid])
        if role is None:
            raise CredentialsRefused()
        return Opened(session, 1, user, role.decode(), kid)

    async def run(self, claims: Claims, script: str, keys: Sequence[str] = (), args: Sequence[str | int] = ()) -> Reply:
        """Run a script for a session or an API key, in one step with the check that the session or the key is live.

        Args:
            claims: What the request's token or API key says.
            script: The name of the script.
            keys: The script's own keys. It sees them from KEYS[3] on; the user's key is the last one.
            args: The script's own arguments. It sees them from ARGV[2] on.

        Returns:
            What the script returned.

        Raises:
            NotAuthenticated: The session or the API key is not live; the script did nothing.
            Unavailable: The store did not answer.
        """
        named = [*authority_keys(claims), *keys, user_key(claims.user)]
        reply = await self._store.run(script, named, [claims.user, *args])
        if reply is None:
            raise NotAuthenticated()
        return reply

    async def profile(self, claims: Claims) -> Profile:
        """Return the profile of the session's user.

        Raises:
            NotAuthenticated: The session is not live.
            Unavailable: The store did not answer.
        """
        username, created_ms, role = await self.run(claims, "profile")
        return Profile((username or b"").decode(), int(created_ms or 0), (role or b"").decode())

    async def revoke(self, claims: Claims) -> None:
        """End the session. Once this returns, no replica accepts a token of it.

        The revocation is stored for as long as any token of the session could live. A replica that dies after the
        script leaves a session that has ended; the client asks again and gets 401.

        Raises:
            Forbidden: The request was made with an API key.
            NotAuthenticated: The session was not live.
            Unavailable: The store did not answer.
        """
        claims.require("sessions")
        await self.run(claims, "session_revoke", args=[self._leeway_ms])

    async def revoke_all(self, claims: Claims) -> None:
        """End every session of the user that is open now.

        Raises:
            Forbidden: The request was made with an API key.
            NotAuthenticated: The session was not live.
            Unavailable: The store did not answer.
        """
        claims.require("sessions")
        await self.run(claims, "session_revoke_all")

    async def refresh(self, token: RefreshToken, kid: str) -> Opened:
        """Rotate a refresh token, or repeat the last rotation.

        A replica that dies after the script leaves a rotation whose reply was lost. The client presents the same token
        again and, for REFRESH_GRACE_S, gets the same successor.

        Args:
            token: The refresh token that was presented; its mac has been checked.
            kid: The name of the key that the successor will be under.

        Raises:
            NotAuthenticated: The token is not current. If it was replaced longer ago than the grace, the session is
                revoked.
            Unavailable: The store did not answer.
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
