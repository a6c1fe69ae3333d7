"""Access and refresh tokens: pure functions of the secret; no store, no state that counts.

An access token is a JWT (HS256, the only algorithm ever accepted) whose claims are all required. Whether its session
is still live is not in it: every use of it asks the store.

A refresh token is `r1.<session>.<generation>.<mac>`: its mac is an HMAC of session and generation under a key derived
from the secret. So the store keeps only the number of the current generation, nothing that could be stolen from it;
a forged token is refused without asking the store; and the successor of a generation can be computed again when its
reply was lost.

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

from target_service.problems import NotAuthenticated
from target_service.settings import Settings

ALGORITHM = "HS256"
ACCESS = "access"
REQUIRED = ["exp", "iat", "nbf", "iss", "aud", "sub", "sid", "jti", "typ"]
"""PyJWT accepts a token without `exp`, and ignores `typ`, unless told otherwise."""

CACHED_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says: who (`user`), in which session, until when (Unix seconds)."""

    user: str
    session: str
    expires: float


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token whose mac was right: the session and the generation it stands for."""

    session: str
    generation: int


class Tokens:
    """Issues and verifies tokens under one secret."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key = settings.jwt_secret.encode()
        self._refresh_key = hmac.digest(self._key, b"refresh-token", hashlib.sha256)
        self._verified: dict[str, Claims] = {}

    def access(self, user: str, session: str) -> str:
        """A new access token; each has its own `jti`."""
        now = int(time.time())
        claims = {
            "iss": self._settings.jwt_issuer,
            "aud": self._settings.jwt_audience,
            "sub": user,
            "sid": session,
            "jti": secrets.token_hex(8),
            "typ": ACCESS,
            "iat": now,
            "nbf": now,
            "exp": now + int(self._settings.access_ttl_s),
        }
        return jwt.encode(claims, self._key, ALGORITHM)

    def verify(self, token: str) -> Claims:
        """The claims of a genuine, unexpired access token; raises NotAuthenticated for anything else."""
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

    def refresh(self, session: str, generation: int) -> str:
        """The refresh token of a generation: always the same one."""
        return f"r1.{session}.{generation}.{self._mac(session, generation)}"

    def read_refresh(self, token: str) -> RefreshToken:
        """Session and generation of a genuine refresh token; raises NotAuthenticated for anything else."""
        match token.split("."):
            case ["r1", session, number, mac] if number.isascii() and number.isdigit() and len(number) < 12:
                generation = int(number)
                expected = self._mac(session, generation)
                if hmac.compare_digest(expected.encode(), mac.encode("utf-8", "surrogatepass")):
                    return RefreshToken(session, generation)
        raise NotAuthenticated()

    def _mac(self, session: str, generation: int) -> str:
        message = f"{session}.{generation}".encode("utf-8", "surrogatepass")
        return base64.urlsafe_b64encode(hmac.digest(self._refresh_key, message, hashlib.sha256)).decode().rstrip("=")

    def _decode(self, token: str) -> Claims:
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                issuer=self._settings.jwt_issuer,
                audience=self._settings.jwt_audience,
                leeway=self._settings.jwt_leeway_s,
                options={"require": REQUIRED},
            )
        except jwt.InvalidTokenError as error:
            raise NotAuthenticated() from error
        user, session = claims["sub"], claims["sid"]
        if claims["typ"] != ACCESS or not (isinstance(user, str) and isinstance(session, str)):
            raise NotAuthenticated()
        return Claims(user, session, float(claims["exp"]))
