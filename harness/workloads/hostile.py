"""Hostile tokens: forged, expired, unsigned or altered ones must be refused, by every replica at any time.

With the contract's signing key (`hostile.key`, a secret of the run) tokens are made that are wrong in one respect
alone; without it, or where tokens are opaque, a real token is altered.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any, ClassVar

import jwt

from harness.contract.launch import fill
from harness.contract.model import Contract
from harness.load.caller import Caller, Context, Op
from harness.workloads.base import SessionItem, Visitor, login, session_of

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
    """Another user's name under the old signature."""
    claims = _claims(token)
    if claims is None:
        return None
    head, _, signature = token.split(".")
    claims["sub"] = f"{claims.get('sub', '')}x"
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{head}.{payload}.{signature}"


def _bit_flipped(token: str, key: str | None, algorithm: str) -> str | None:
    """One bit of the middle of the last part. The very last character may carry bits that base64 ignores."""
    place = token.rfind(".") + 1 + (len(token) - token.rfind(".") - 1) // 2
    return token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]


def _truncated(token: str, key: str | None, algorithm: str) -> str | None:
    return token[: len(token) // 2]


FORGERS: dict[str, Forger] = {
    "expired": _signed(lambda claims: claims.update(exp=int(time.time()) - 3600, iat=int(time.time()) - 7200)),
    "no-expiry": _signed(lambda claims: claims.pop("exp", None) and None),
    "other-audience": _signed(lambda claims: claims.update(aud="somebody-else")),
    "other-issuer": _signed(lambda claims: claims.update(iss="somebody-else")),
    "unsigned": _unsigned,
    "foreign-key": _foreign_key,
    "other-subject": _other_subject,
    "bit-flipped": _bit_flipped,
    "truncated": _truncated,
}
NEEDS_CLAIM = {"no-expiry": "exp", "other-audience": "aud", "other-issuer": "iss", "expired": "exp"}


class Hostile:
    """See the module."""

    NAME: ClassVar[str] = "hostile"
    PROVES: ClassVar[str] = "no forged, expired, unsigned or altered token is accepted"
    needs: ClassVar[tuple[str, ...]] = ("session",)

    def __init__(self, context: Context) -> None:
        self.context = context
        section = context.contract.hostile
        self.key = fill(section.key, {}, context.master) if section else None
        self.algorithm = section.algorithm if section else "HS256"

    @staticmethod
    def kinds(contract: Contract) -> list[str]:
        """See `Workload.kinds`."""
        return ["forge"]

    def step(self, visitor: Visitor) -> None:
        """See `Workload.step`."""
        session = session_of(visitor, self.NAME)
        if session:
            self.forge(visitor.caller, session, visitor.caller.random.choice(sorted(FORGERS)))

    def forge(self, caller: Caller, session: SessionItem, variant: str, expect: list[str] | None = None) -> None:
        """Present one wrong token, if this kind of token can be wrong in that way."""
        claims = _claims(session.token)
        if variant in NEEDS_CLAIM and NEEDS_CLAIM[variant] not in (claims or {}):
            return
        token = FORGERS[variant](session.token, self.key, self.algorithm)
        if token is None:
            return
        op = Op(self.NAME, "forge", f"{session.key}/{variant}", arg=variant, expect=expect)
        caller.call("session.read", op, {"token": token, "username": session.user})

    def steady(self, caller: Caller) -> None:
        """Every kind of wrong token once."""
        session = login(caller, self.NAME, ["ok"])
        for variant in FORGERS if session else ():
            assert session is not None
            self.forge(caller, session, variant)

    def quiet(self) -> list[str]:
        """Nothing goes on in the background."""
        return []

    def settle(self) -> None:
        """Nothing is doubtful."""

    def final(self) -> None:
        """Nothing was acknowledged."""
