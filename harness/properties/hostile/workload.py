"""Hostile tokens: every replica must refuse forged, expired, unsigned or altered tokens at any time.

With the contract's signing key (`hostile.key`, a secret of the run) this workload makes tokens that are wrong in one
respect alone. Without the key, or where tokens are opaque, it alters a real token, or presents the refresh token as an
access token. Wrong tokens are presented to a read and, where the contract has one, to a payment, which must have no
effect.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt

from harness.client.caller import Caller, Context, Op
from harness.placeholders import fill
from harness.properties.declared import Declared
from harness.properties.hostile.contract import Hostile
from harness.properties.promises import CommonPromises
from harness.properties.visitor import SessionItem, Visitor, login, session_of
from harness.properties.workload import Workload

Forger = Callable[[str, str | None, str], str | None]


def _claims(token: str) -> dict[str, Any] | None:
    try:
        return dict(jwt.decode(token, options={"verify_signature": False}))
    except jwt.PyJWTError:
        return None


def _signed(change: Callable[[dict[str, Any]], None]) -> Forger:
    def forge(token: str, key: str | None, algorithm: str) -> str | None:
        claims = _claims(token)
        if claims is None or key is None:
            return None
        change(claims)
        return jwt.encode(claims, key, algorithm, headers=_headers(token))

    return forge


def _headers(token: str) -> dict[str, Any]:
    return {name: value for name, value in jwt.get_unverified_header(token).items() if name != "alg"}


def _unsigned(token: str, key: str | None, algorithm: str) -> str | None:
    claims = _claims(token)
    return None if claims is None else jwt.encode(claims, None, "none", headers=_headers(token))


def _foreign_key(token: str, key: str | None, algorithm: str) -> str | None:
    claims = _claims(token)
    if claims is None:
        return None
    return jwt.encode(claims, "0123456789abcdef" * 8, algorithm, headers=_headers(token))


def _other_subject(token: str, key: str | None, algorithm: str) -> str | None:
    """Return the token with another user's name under the old signature; None when it is no JWT."""
    claims = _claims(token)
    if claims is None:
        return None
    head, _, signature = token.split(".")
    claims["sub"] = f"{claims.get('sub', '')}x"
    return f"{head}.{_base64(json.dumps(claims).encode())}.{signature}"


def _unknown_kid(token: str, key: str | None, algorithm: str) -> str | None:
    """Return the token with a `kid` that names no key, signed with the empty key; None when tokens have no `kid`.

    A service that looks the `kid` up carelessly finds an empty key, and accepts the token. The token is not signed with
    the right key, since a service that tries all of its keys, whatever `kid` says, may accept such a token.
    """
    claims = _claims(token)
    if claims is None or "kid" not in _headers(token):
        return None
    head = {**_headers(token), "alg": algorithm, "kid": "a-key-that-nobody-has"}
    signed = ".".join(_base64(json.dumps(part).encode()) for part in (head, claims))
    # PyJWT refuses to sign with an empty key.
    mac = hmac.digest(b"", signed.encode(), getattr(hashlib, f"sha{algorithm[2:]}"))
    return f"{signed}.{_base64(mac)}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bit_flipped(token: str, key: str | None, algorithm: str) -> str | None:
    """Return the token with a changed character in the middle of its last part.

    The last character would not do, since it may carry bits that base64 ignores.
    """
    place = token.rfind(".") + 1 + (len(token) - token.rfind(".") - 1) // 2
    return token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]


def _truncated(token: str, key: str | None, algorithm: str) -> str | None:
    return token[: len(token) // 2]


FORGERS: dict[str, Forger] = {
    "expired": _signed(lambda claims: claims.update(exp=int(time.time()) - 3600, iat=int(time.time()) - 7200)),
    "no-expiry": _signed(lambda claims: claims.pop("exp", None) and None),
    "other-audience": _signed(lambda claims: claims.update(aud="somebody-else")),
    "other-issuer": _signed(lambda claims: claims.update(iss="somebody-else")),
    "other-type": _signed(lambda claims: claims.update(typ="refresh")),
    "unknown-kid": _unknown_kid,
    "unsigned": _unsigned,
    "foreign-key": _foreign_key,
    "other-subject": _other_subject,
    "bit-flipped": _bit_flipped,
    "truncated": _truncated,
}
NEEDS_CLAIM = {
    "no-expiry": "exp",
    "other-audience": "aud",
    "other-issuer": "iss",
    "other-type": "typ",
    "expired": "exp",
}
REFRESH = "refresh-token"
VARIANTS = (*FORGERS, REFRESH)
"""Every way in which a token may be wrong. The last one needs no forger: it is the session's own refresh token."""

READ_AT, PAY_AT = "session.read", "idempotency.pay"
"""The dotted places of the operations to which wrong tokens are presented."""

PAYS = 0.3
"""Share of the steps that present a wrong token to the payment, where the contract has one."""


class HostileWorkload(Workload[Hostile | None, CommonPromises]):
    """Presents wrong tokens to a read and to a payment."""

    def __init__(self, context: Context, declared: Declared[Hostile | None, CommonPromises]) -> None:
        """Begin with no items. The arguments are those of `Workload`."""
        super().__init__(context, declared)
        section = self.section
        self.key = fill(section.key, {}, context.master) if section else None
        self.algorithm = section.algorithm if section else "HS256"
        self.pays = PAY_AT in context.operations

    def step(self, visitor: Visitor) -> None:
        """See `Workload.step`."""
        session = session_of(visitor, self.name)
        if not session:
            return
        caller = visitor.caller
        variant = caller.random.choice(sorted(VARIANTS))
        if self.pays and caller.random.random() < PAYS:
            self.forge_pay(caller, session, variant)
        else:
            self.forge(caller, session, variant)

    def forge(self, caller: Caller, session: SessionItem, variant: str) -> None:
        """Read with a wrong token, if the session's token can be wrong in the way of `variant`."""
        token = self._made(session, variant)
        if token is not None:
            op = Op(self.name, "forge", f"{session.key}/{variant}", arg=variant)
            caller.call(READ_AT, op, {"token": token, "username": session.user})

    def forge_pay(self, caller: Caller, session: SessionItem, variant: str) -> None:
        """Pay with a wrong token, under a key that no other op uses, so that any effect of the key is the token's."""
        token = self._made(session, variant)
        if token is not None:
            key = self.context.item("h")
            op = Op(self.name, "forge_pay", key, arg=variant)
            values = {"token": token, "username": session.user, "key": key, "reference": key}
            caller.call(PAY_AT, op, {**values, "amount": caller.random.randint(1, 9_999)})

    def _made(self, session: SessionItem, variant: str) -> str | None:
        if variant == REFRESH:
            spare = session.chain[-1] if session.chain else None
            return spare if spare != session.token else None
        if variant in NEEDS_CLAIM and NEEDS_CLAIM[variant] not in (_claims(session.token) or {}):
            return None
        return FORGERS[variant](session.token, self.key, self.algorithm)

    def steady(self, caller: Caller) -> None:
        """Present every kind of wrong token once to the read, and once to the payment if there is one."""
        session = login(caller, self.name, ["ok"])
        for variant in sorted(VARIANTS) if session else ():
            assert session is not None
            self.forge(caller, session, variant)
            if self.pays:
                self.forge_pay(caller, session, variant)
