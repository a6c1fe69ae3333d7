"""API keys: for machines, which have nobody to log in. They stand in for a token wherever one is taken.

A key is `ak1.<user>.<secret>`, shown once. Its id is a hash of the whole, so whoever alters the user in it names a
record that does not exist; the store holds nothing that could be presented.

Keys    apikey:<id>        hash: user, name, created_ms. Lives until it is revoked.
        apikeys:<user>     hash: id -> name, at most API_KEYS_PER_USER of them.
Owner   the user, logged in as a person: a key cannot make, list or revoke keys.
Trips   create 1, list 1, revoke 1, and 0 of its own for any request made with a key: the record stands where a
        session's would, at the head of that request's own script (lua/live.lua).
Crash   create: record and list entry are one script. A client that lost the reply has a key in its list that nobody
        holds; it revokes it, or leaves it: nobody can guess it. That is why no idempotency key is asked for.
        revoke: one script; asked again it answers 404, which is what was wanted.
"Log out everywhere" ends sessions and not API keys: those are revoked one by one, by name.
"""

import secrets
from dataclasses import dataclass

from target_service.problems import NotFound, TooManyKeys
from target_service.sessions import Sessions
from target_service.settings import Settings
from target_service.state import Key, State
from target_service.tokens import API_KEY, Claims, api_key_id

STATE = State(
    name="API keys",
    keys=(
        Key("apikey:*", "hash", None, "the user, as a person", "user and name; its own name is a hash of the key"),
        Key("apikeys:*", "hash", None, "the user, as a person", "id and name of each key of a user, a bounded number"),
    ),
    scripts=("apikey_create", "apikey_list", "apikey_revoke"),
    trips={"POST /api/keys": 1, "GET /api/keys": 1, "DELETE /api/keys/{id}": 1},
    crash="""Create: record and list entry are one script; after a lost reply a key stands in the list that nobody
    holds, to be revoked. Revoke: one script; asked again it answers 404, which is what was wanted.""",
)


@dataclass(frozen=True)
class Made:
    """A new key: `key` is shown to its maker now and never again."""

    id: str
    key: str


class ApiKeys:
    """API keys in the store."""

    def __init__(self, sessions: Sessions, settings: Settings) -> None:
        self._sessions = sessions
        self._most = settings.api_keys_per_user

    async def create(self, claims: Claims, name: str) -> Made:
        """A new key of the user; raises Forbidden and TooManyKeys."""
        claims.require("sessions")
        key = f"{API_KEY}.{claims.user}.{secrets.token_urlsafe(32)}"
        id = api_key_id(key)
        if not await self._sessions.run(claims, "apikey_create", self._keys(claims, id), [id, name, self._most]):
            raise TooManyKeys()
        return Made(id, key)

    async def names(self, claims: Claims) -> dict[str, str]:
        """Name by id; raises Forbidden."""
        claims.require("sessions")
        flat = await self._sessions.run(claims, "apikey_list", self._keys(claims, "")[1:])
        return {flat[at].decode(): flat[at + 1].decode() for at in range(0, len(flat), 2)}

    async def revoke(self, claims: Claims, id: str) -> None:
        """From the return of this on the key is not taken anywhere; raises Forbidden and NotFound."""
        claims.require("sessions")
        if not await self._sessions.run(claims, "apikey_revoke", self._keys(claims, id), [id]):
            raise NotFound()

    @staticmethod
    def _keys(claims: Claims, id: str) -> list[str]:
        return [f"apikey:{id}", f"apikeys:{claims.user}"]
