"""Hostile tokens: each is wrong in one respect alone, or a service that misses just that one would be missed."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest

from harness.workloads.hostile import FORGERS

KEY = "s" * 64
NOW = int(time.time())
CLAIMS: dict[str, Any] = {"sub": "ann", "iat": NOW, "exp": NOW + 600, "aud": "us", "iss": "we", "jti": "1"}
TOKEN = jwt.encode(CLAIMS, KEY, "HS256", headers={"kid": "k1"})
SIGNED = {
    "expired": ({"exp", "iat"}, jwt.ExpiredSignatureError),
    "no-expiry": ({"exp"}, jwt.MissingRequiredClaimError),
    "other-audience": ({"aud"}, jwt.InvalidAudienceError),
    "other-issuer": ({"iss"}, jwt.InvalidIssuerError),
}


def verify(token: str) -> dict[str, Any]:
    required = {"require": ["exp", "iat", "sub", "aud", "iss", "jti"]}
    return dict(jwt.decode(token, KEY, ["HS256"], audience="us", issuer="we", options=required))


def claims(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def forged(name: str) -> str:
    token = FORGERS[name](TOKEN, KEY, "HS256")
    assert token is not None
    return token


@pytest.mark.parametrize("name", SIGNED)
def test_a_token_with_a_good_signature_and_one_bad_claim(name: str):
    changed, error = SIGNED[name]
    token = forged(name)
    jwt.decode(token, KEY, ["HS256"], options={"verify_exp": False, "verify_aud": False, "verify_iat": False})
    assert {key for key in CLAIMS if claims(token).get(key) != CLAIMS[key]} == changed
    assert jwt.get_unverified_header(token) == jwt.get_unverified_header(TOKEN)
    with pytest.raises(error):
        verify(token)


def test_an_unsigned_token_has_all_claims_and_says_none():
    token = forged("unsigned")
    assert claims(token) == CLAIMS
    assert jwt.get_unverified_header(token) == {"alg": "none", "typ": "JWT", "kid": "k1"}
    assert token.endswith(".")


def test_a_foreign_key_changes_the_signature_alone():
    token = forged("foreign-key")
    assert claims(token) == CLAIMS
    with pytest.raises(jwt.InvalidSignatureError):
        verify(token)


def test_another_subject_stands_under_the_old_signature():
    token = forged("other-subject")
    assert claims(token) == {**CLAIMS, "sub": "annx"}
    assert token.split(".")[0::2] == TOKEN.split(".")[0::2]


@pytest.mark.parametrize("token", [TOKEN, "opaque-token-of-some-service", "ab"])
def test_a_flipped_bit_and_a_cut_work_on_any_token(token: str):
    flipped = FORGERS["bit-flipped"](token, None, "HS256")
    assert flipped is not None
    assert len(flipped) == len(token)
    assert sum(a != b for a, b in zip(flipped, token, strict=True)) == 1
    assert FORGERS["truncated"](token, None, "HS256") == token[: len(token) // 2]


def test_without_a_key_or_for_an_opaque_token_nothing_can_be_signed():
    assert [name for name, forge in FORGERS.items() if forge("opaque", KEY, "HS256")] == ["bit-flipped", "truncated"]
    keyed = set(SIGNED)
    assert {name for name, forge in FORGERS.items() if forge(TOKEN, None, "HS256") is None} == keyed
