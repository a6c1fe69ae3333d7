"""Access tokens, refresh tokens and API keys as strings: pure functions of the secrets; no store, no state that counts.

An access token is a JWT (HS256, the only algorithm ever accepted) whose claims are all required. It says who, in which
session, in which role and with which permissions, and nothing about the person: `sub` is a random id. Whether its
session is still live is not in it: every use of it asks the store. It has at most MOST_BYTES.

A refresh token is `r1.<kid>.<user>.<session>.<generation>.<mac>`: its mac is an HMAC of the rest under a key derived
from the secret. So the store keeps only the number of the current generation, nothing that could be stolen from it;
a forged token is refused without asking the store; and the successor of a generation can be computed again when its
reply was lost, also by a replica that signs with another key by now: the store remembers which key it was.

Keys    A token names its key (`kid`), which is a hash of the secret, so that replicas agree without being told.
        JWT_SECRET signs; it and JWT_ALSO_VERIFY are accepted. To rotate without a spurious 401, in this order, each
        when the one before is everywhere: the new one also verifies; the new one signs and the old one also verifies;
        the old one goes, REFRESH_TTL_S after it last signed. An API key outlives the key that it was made under; only
        a repetition of the request that made it is answered 410 from then on (apikeys.py).

The cache of verified tokens is derived and not authoritative: a signature once found right stays right. What can
change is checked at every use: expiry here, revocation in the store. Losing the cache costs a signature check.
"""

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

import jwt

from target_service.problems import Forbidden, NotAuthenticated
from target_service.roles import ROLES, Permission
from target_service.settings import Settings

ALGORITHM = "HS256"
ACCESS = "access"
API_KEY = "ak1"
"""How an API key begins, which no JWT does: theirs is the base64 of a brace."""

REQUIRED = ["exp", "iat", "nbf", "iss", "aud", "sub", "sid", "jti", "typ", "role", "perms"]
"""PyJWT accepts a token without `exp`, and ignores `typ`, unless told otherwise."""

MOST_BYTES = 1024
"""Of an access token: it travels with every request."""

CACHED_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token or an API key says: who (`user`), in which session (or API key), until when (Unix seconds)."""

    user: str
    session: str
    expires: float
    permissions: frozenset[str] = ROLES["user"]
    machine: bool = False

    def permits(self, permission: Permission) -> bool:
        """Whether the role that the token was issued for has this permission."""
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raises Forbidden unless it is permitted."""
        if permission not in self.permissions:
            raise Forbidden()


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token whose mac was right: the user, the session, and the generation it stands for."""

    session: str
    generation: int
    user: str = ""


def kid_of(secret: str) -> str:
    """The name of a key: the same wherever the secret is the same, and telling nothing of it."""
    return hashlib.sha256(b"kid:" + secret.encode()).hexdigest()[:8]


def api_key_id(key: str) -> str:
    """The id of an API key, a hash of all of it: what the store knows it by."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Tokens:
    """Issues tokens under one secret, and verifies those under any that is accepted."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.kid = kid_of(settings.jwt_secret)
        accepted = (settings.jwt_secret, *settings.jwt_also_verify)
        self._keys = {kid_of(secret): secret.encode() for secret in accepted}
        self._refresh_keys = {
            kid: hmac.digest(key, b"refresh-token", hashlib.sha256) for kid, key in self._keys.items()
        }
        self._api_keys = {kid: hmac.digest(key, b"api-key", hashlib.sha256) for kid, key in self._keys.items()}
        self._verified: dict[str, Claims] = {}

    def access(self, user: str, session: str, role: str = "user") -> str:
        """A new access token; each has its own `jti`."""
        now = int(time.time())
        claims = {
            "iss": self._settings.jwt_issuer,
            "aud": self._settings.jwt_audience,
            "sub": user,
            "sid": session,
            "jti": secrets.token_hex(8),
            "typ": ACCESS,
            "role": role,
            "perms": sorted(ROLES[role]),
            "iat": now,
            "nbf": now,
            "exp": now + int(self._settings.access_ttl_s),
        }
        return jwt.encode(claims, self._keys[self.kid], ALGORITHM, {"kid": self.kid})

    def verify(self, token: str) -> Claims:
        """The claims of a genuine, unexpired access token, or those of an API key; raises NotAuthenticated.

        Whether an API key is genuine only the store can say, where it says that a session is live.
        """
        if token.startswith(f"{API_KEY}."):
            return _read_api_key(token)
        claims = self._verified.get(token)
        if claims is None:
            claims = self._decode(token)
            if len(self._verified) >= CACHED_TOKENS:
                # Dictionaries keep insertion order: the oldest token goes, which is the first to expire.
                del self._verified[next(iter(self._verified))]
            self._verified[token] = claims
        elif claims.expires + self._settings.jwt_leeway_s <= time.time():
            self._verified.pop(token, None)
            raise NotAuthenticated()
        return claims

    def refresh(self, session: str, generation: int, user: str, kid: str = "") -> str:
        """The refresh token of a generation, under the key `kid` or the one that signs: always the same one."""
        parts = f"{kid or self.kid}.{user}.{session}.{generation}"
        return f"r1.{parts}.{_mac(self._refresh_keys[kid or self.kid], parts)}"

    def read_refresh(self, token: str) -> RefreshToken:
        """What a genuine refresh token says; raises NotAuthenticated for anything else."""
        match token.split("."):
            case ["r1", kid, user, session, number, mac] if kid in self._refresh_keys and _is_generation(number):
                expected = _mac(self._refresh_keys[kid], f"{kid}.{user}.{session}.{number}")
                if hmac.compare_digest(expected.encode(), mac.encode("utf-8", "surrogatepass")):
                    return RefreshToken(session, int(number), user)
        raise NotAuthenticated()

    def api_key(self, user: str, nonce: str, kid: str) -> str | None:
        """The API key of a user and a nonce, under the key `kid`: always the same one. None: that key has retired."""
        secret = self._api_keys.get(kid)
        return None if secret is None else f"{API_KEY}.{user}.{_mac(secret, f'{user}.{nonce}')}"

    def _decode(self, token: str) -> Claims:
        try:
            key = self._keys.get(jwt.get_unverified_header(token).get("kid", ""))
            if key is None:
                raise NotAuthenticated()
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=self._settings.jwt_issuer,
                audience=self._settings.jwt_audience,
                leeway=self._settings.jwt_leeway_s,
                options={"require": REQUIRED},
            )
        except jwt.PyJWTError as error:
            raise NotAuthenticated() from error
        user, session, permissions = claims["sub"], claims["sid"], claims["perms"]
        texts = [user, session, *permissions] if isinstance(permissions, list) else [None]
        if claims["typ"] != ACCESS or not all(isinstance(each, str) for each in texts):
            raise NotAuthenticated()
        return Claims(user, session, float(claims["exp"]), frozenset(permissions))


def _mac(key: bytes, parts: str) -> str:
    mac = hmac.digest(key, parts.encode("utf-8", "surrogatepass"), hashlib.sha256)
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def _is_generation(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 12


def _read_api_key(key: str) -> Claims:
    match key.split("."):
        case [_, user, secret] if user and secret:
            return Claims(user, api_key_id(key), float("inf"), ROLES["machine"], machine=True)
    raise NotAuthenticated()
