"""Access tokens, refresh tokens and API keys as strings: pure functions of the secrets, without the store.

An access token is a JWT whose claims are all required. HS256 is the only algorithm that is ever accepted. The token
says who, in which session, in which role and with which permissions. It says nothing about the person: `sub` is a
random id. It cannot say whether its session is still live: every use asks the store. It has at most MOST_BYTES.

A refresh token is `r1.<kid>.<user>.<session>.<generation>.<mac>`. The mac is an HMAC of the rest, under a key derived
from the secret. This has three consequences. The store keeps only the number of the current generation, nothing that
could be stolen from it. A forged token is refused without asking the store. The successor of a generation can be
computed again when its reply was lost, even by a replica that signs with another key by now, because the store
remembers which key it was.

Keys    A token names its key (`kid`), which is a hash of the secret, so replicas agree on it without being told.
        JWT_SECRET signs; JWT_SECRET and JWT_ALSO_VERIFY are accepted. To rotate without a spurious 401, take these
        steps, each when the one before has reached every replica:
        1. The new secret also verifies.
        2. The new secret signs, and the old one also verifies.
        3. The old secret goes, REFRESH_TTL_S after it last signed.
        An API key outlives the signing key that it was made under. Only a repetition of the request that made the API
        key is answered 410 from then on (apikeys.py).

Verified tokens are cached. The cache is derived from the secrets: a signature that was right stays right. What can
change is checked at every use: the expiry here, the revocation in the store. Losing the cache costs a signature check.
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
"""How an API key begins. No JWT begins so: a JWT begins with the base64 of a brace."""

REQUIRED = ["exp", "iat", "nbf", "iss", "aud", "sub", "sid", "jti", "typ", "role", "perms"]
"""The claims that must be there. PyJWT accepts a token without `exp`, and ignores `typ`, unless told otherwise."""

MOST_BYTES = 1024
"""The largest size of an access token in bytes: it travels with every request."""

CACHED_TOKENS = 8192
"""How many verified tokens a process remembers."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token or an API key says.

    Attributes:
        user: The id of the user.
        session: The id of the session, or of the API key.
        expires: Until when it is good, in seconds of Unix time; an API key is good until it is revoked.
        permissions: What the role that it was issued for is permitted.
        machine: True for an API key.
    """

    user: str
    session: str
    expires: float
    permissions: frozenset[str] = ROLES["user"]
    machine: bool = False

    def permits(self, permission: Permission) -> bool:
        """Return whether the role that the token was issued for has this permission."""
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Demand a permission.

        Raises:
            Forbidden: The role does not have it.
        """
        if permission not in self.permissions:
            raise Forbidden()


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token whose mac was right: its session, the generation that it stands for, and the user."""

    session: str
    generation: int
    user: str = ""


def kid_of(secret: str) -> str:
    """Return the name of a key: equal wherever the secret is equal, and telling nothing of the secret."""
    return hashlib.sha256(b"kid:" + secret.encode()).hexdigest()[:8]


def api_key_id(key: str) -> str:
    """Return the id of an API key, a hash of the whole key; the store knows the key by it."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Tokens:
    """Issues tokens under one secret, and verifies tokens under any secret that is accepted."""

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
        """Return a new access token, with a `jti` of its own; it lives ACCESS_TTL_S."""
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
        """Return the claims of a genuine access token that has not expired, or those of an API key.

        Whether an API key is genuine only the store can say, in the step that also says whether a session is live.

        Raises:
            NotAuthenticated: The token is forged, expired, or none.
        """
        if token.startswith(f"{API_KEY}."):
            return _read_api_key(token)
        claims = self._verified.get(token)
        if claims is None:
            claims = self._decode(token)
            if len(self._verified) >= CACHED_TOKENS:
                # Dictionaries keep the order of insertion, so this drops the oldest token, the first to expire.
                del self._verified[next(iter(self._verified))]
            self._verified[token] = claims
        elif claims.expires + self._settings.jwt_leeway_s <= time.time():
            self._verified.pop(token, None)
            raise NotAuthenticated()
        return claims

    def refresh(self, session: str, generation: int, user: str, kid: str = "") -> str:
        """Return the refresh token of a generation: the same string at every call.

        Args:
            session: The id of the session.
            generation: The number of the generation.
            user: The id of the user.
            kid: The name of the key that the token is under; "" for the key that signs.
        """
        parts = f"{kid or self.kid}.{user}.{session}.{generation}"
        return f"r1.{parts}.{_mac(self._refresh_keys[kid or self.kid], parts)}"

    def read_refresh(self, token: str) -> RefreshToken:
        """Return what a genuine refresh token says.

        Raises:
            NotAuthenticated: The token is forged, under a key that is not accepted, or none.
        """
        match token.split("."):
            case ["r1", kid, user, session, number, mac] if kid in self._refresh_keys and _is_generation(number):
                expected = _mac(self._refresh_keys[kid], f"{kid}.{user}.{session}.{number}")
                if hmac.compare_digest(expected.encode(), mac.encode("utf-8", "surrogatepass")):
                    return RefreshToken(session, int(number), user)
        raise NotAuthenticated()

    def api_key(self, user: str, nonce: str, kid: str) -> str | None:
        """Return the API key of a user and a nonce: the same string at every call.

        Args:
            user: The id of the user.
            nonce: The random part, as the store keeps it.
            kid: The name of the key that the secret is derived from.

        Returns:
            The API key, or None when the key `kid` is not accepted any more.
        """
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
