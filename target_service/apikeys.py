"""API keys: for machines, which have nobody to log in. A key is accepted wherever a token is.

A key is `ak1.<user>.<secret>`. Its id is a hash of the whole key, so a key whose user was altered names a record that
does not exist. The secret is an HMAC of the user and a nonce, under a key derived from the one that signs. So any
replica can compute the secret again when its reply was lost, and the store holds nothing that could be presented.

Keys    apikey:<id>        hash: user, name, created_ms. Lives until the key is revoked.
        apikeys:<user>     hash: id -> name, at most API_KEYS_PER_USER of them.
        apikey-made:<name> hash: fingerprint (of the body), kid, nonce: what an idempotency key made. It stays when the
                           API key is revoked. <name> is a hash of user and idempotency key. Lives
                           IDEMPOTENCY_RETENTION_S.
Owner   the user, logged in as a person: an API key cannot make, list or revoke API keys.
Trips   create 1, list 1, revoke 1. A request made with an API key needs none for it: the record is looked at where a
        session's would be, at the head of the request's own script (lua/live.lua).
Crash   create: record, list entry and memory are one script, so all are written or none. A client that lost the reply
        asks again with its idempotency key and is given the same API key. A key that was revoked meanwhile stays
        revoked. After the retention the idempotency key is a new one, and so is the nonce: no revoked key comes back.
        revoke: one script. A client that lost the reply asks again and gets 404: the key is gone, as it wished.
The signing key that a nonce was used under may be retired within the retention (tokens.py). Then nobody can compute the
secret any more, and a repetition is answered 410: the API key is in the list, to be revoked.
"Log out everywhere" ends sessions and no API keys: those are revoked one by one, by id.
"""

import hashlib
import secrets
from dataclasses import dataclass

from target_service.ids import name_of_key
from target_service.problems import AnswerGone, KeyReused, NotFound, TooManyKeys
from target_service.sessions import Sessions
from target_service.settings import Settings
from target_service.state import Key, State
from target_service.tokens import Claims, Tokens, api_key_id

STATE = State(
    name="API keys",
    keys=(
        Key("apikey:*", "hash", None, "the user, as a person", "user and name; its own name is a hash of the key"),
        Key("apikeys:*", "hash", None, "the user, as a person", "id and name of each key of a user, a bounded number"),
        Key(
            "apikey-made:*",
            "hash",
            "IDEMPOTENCY_RETENTION_S",
            "the creation",
            "fingerprint, kid, nonce: what an idempotency key made, so that a repetition is given the same API key",
        ),
    ),
    scripts=("apikey_create", "apikey_list", "apikey_revoke"),
    trips={"POST /api/keys": 1, "GET /api/keys": 1, "DELETE /api/keys/{id}": 1},
    crash="""Create: record, list entry and memory of the idempotency key are one script; asked again with its key the
    same API key is answered, and stays revoked if it was. Revoke: one script; asked again it answers 404, which is
    what was wanted.""",
)


@dataclass(frozen=True)
class Made:
    """An API key that was made. `key` is shown to its maker, to a repetition of the same request, and to nobody else.

    Attributes:
        id: The id, a hash of the key.
        key: The whole key.
        replayed: True when an earlier request had made the key.
    """

    id: str
    key: str
    replayed: bool


class ApiKeys:
    """API keys in the store."""

    def __init__(self, sessions: Sessions, tokens: Tokens, settings: Settings) -> None:
        self._sessions = sessions
        self._tokens = tokens
        self._most = settings.api_keys_per_user
        self._retention_ms = int(settings.idempotency_retention_s * 1000)

    async def create(self, claims: Claims, key: str, name: str) -> Made:
        """Make an API key at the first use of an idempotency key, and return the same one at every later use.

        The API key lives until it is revoked. What the idempotency key made is remembered for IDEMPOTENCY_RETENTION_S.
        A replica that dies after the script leaves an API key whose reply was lost; the repetition is given that key.

        Args:
            claims: The user, logged in as a person.
            key: The idempotency key.
            name: What the user calls the API key.

        Raises:
            Forbidden: The request was made with an API key.
            KeyReused: The idempotency key was used with another name.
            TooManyKeys: The user has API_KEYS_PER_USER of them.
            AnswerGone: The API key was made, and the signing key that its secret was computed with has been retired.
            Unavailable: The store did not answer.
        """
        claims.require("sessions")
        kid, nonce = self._tokens.kid, secrets.token_urlsafe(24)
        made = self._made(claims.user, nonce, kid, replayed=False)
        outcome, *rest = await self._sessions.run(
            claims,
            "apikey_create",
            [*self._keys(claims, made.id), f"apikey-made:{name_of_key(claims.user, key)}"],
            [made.id, name, self._most, hashlib.sha256(name.encode()).hexdigest(), kid, nonce, self._retention_ms],
        )
        if outcome == b"known":
            return self._made(claims.user, rest[1].decode(), rest[0].decode(), replayed=True)
        if outcome == b"mismatch":
            raise KeyReused()
        if outcome == b"full":
            raise TooManyKeys()
        return made

    async def names(self, claims: Claims) -> dict[str, str]:
        """Return the user's API keys, as names by id.

        Raises:
            Forbidden: The request was made with an API key.
            Unavailable: The store did not answer.
        """
        claims.require("sessions")
        flat = await self._sessions.run(claims, "apikey_list", self._keys(claims, "")[1:])
        return {flat[at].decode(): flat[at + 1].decode() for at in range(0, len(flat), 2)}

    async def revoke(self, claims: Claims, id: str) -> None:
        """Revoke an API key of the user. Once this returns, no replica accepts the key.

        Raises:
            Forbidden: The request was made with an API key.
            NotFound: The user has no API key with this id.
            Unavailable: The store did not answer.
        """
        claims.require("sessions")
        if not await self._sessions.run(claims, "apikey_revoke", self._keys(claims, id), [id]):
            raise NotFound()

    def _made(self, user: str, nonce: str, kid: str, replayed: bool) -> Made:
        key = self._tokens.api_key(user, nonce, kid)
        if key is None:
            raise AnswerGone()
        return Made(api_key_id(key), key, replayed)

    @staticmethod
    def _keys(claims: Claims, id: str) -> list[str]:
        return [f"apikey:{id}", f"apikeys:{claims.user}"]
