"""Hostile tokens: each is wrong in one respect alone, or a service that misses just that one would be missed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from harness.contract.model import Contract
from harness.placeholders import secret
from harness.properties import PROPERTIES
from harness.properties.hostile.workload import FORGERS
from tests.support.agents import MASTER, agent, do, ops
from tests.support.service import CONTRACT, Service

KEY = "s" * 64
# Read when the tests are collected, which may be long before they run.
NOW = int(time.time())
CLAIMS: dict[str, Any] = {
    "sub": "ann",
    "iat": NOW,
    "exp": NOW + 86_400,
    "aud": "us",
    "iss": "we",
    "jti": "1",
    "typ": "access",
}
TOKEN = jwt.encode(CLAIMS, KEY, "HS256", headers={"kid": "k1"})
SIGNED = {
    "expired": ({"exp", "iat"}, jwt.ExpiredSignatureError),
    "no-expiry": ({"exp"}, jwt.MissingRequiredClaimError),
    "other-audience": ({"aud"}, jwt.InvalidAudienceError),
    "other-issuer": ({"iss"}, jwt.InvalidIssuerError),
    "other-type": ({"typ"}, None),
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
    if error is None:
        assert verify(token) == claims(token), "nothing but its type is wrong"
        return
    with pytest.raises(error):
        verify(token)


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
def test_an_unknown_kid_comes_with_the_signature_of_no_key(algorithm: str):
    token = FORGERS["unknown-kid"](jwt.encode(CLAIMS, KEY, algorithm, headers={"kid": "k1"}), KEY, algorithm)
    assert token is not None
    assert claims(token) == CLAIMS
    assert jwt.get_unverified_header(token) == {"alg": algorithm, "typ": "JWT", "kid": "a-key-that-nobody-has"}
    signed, _, signature = token.rpartition(".")
    mac = hmac.digest(b"", signed.encode(), getattr(hashlib, f"sha{algorithm[2:]}"))
    assert base64.urlsafe_b64decode(f"{signature}==") == mac
    assert FORGERS["unknown-kid"](jwt.encode(CLAIMS, KEY, algorithm), KEY, algorithm) is None, "where there is no kid"


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


def steady(tmp_path: Path, contract: Contract, spoil: Callable[..., Any] = lambda *_: None) -> list[tuple[Any, Any]]:
    """What the hostile workload did in its steady pass; users, log-ins and other requests are left out."""
    with Service(secret(MASTER, "jwt")) as service:
        service.spoil = spoil
        with agent(tmp_path, service, {"hostile/hop": 1}, contract=contract) as made:
            do(made, "steady")
        for path, bodies in service.bodies.items():
            assert path != "refresh" or not bodies, "a refresh token is presented, never used"
    return [(start, end) for start, end in ops(tmp_path) if start["w"] == "hostile" and start["k"] != "login"]


POSSIBLE = {"bit-flipped", "expired", "foreign-key", "no-expiry", "other-audience", "other-subject", "refresh-token"}
POSSIBLE |= {"truncated", "unsigned"}
"""What a token of the small service can be wrong in: it has neither issuer nor type nor kid."""


@pytest.mark.live
def test_every_wrong_token_reads_once_and_pays_once_under_a_key_of_its_own(tmp_path: Path):
    contract = Contract.model_validate(CONTRACT)
    found = steady(tmp_path, contract)
    variants: dict[str, list[str]] = defaultdict(list)
    for start, end in found:
        variants[start["k"]].append(start["a"])
        assert end["cl"] == "absent", start
    assert variants == {"forge": sorted(POSSIBLE), "forge_pay": sorted(POSSIBLE)}
    assert len({start["key"] for start, _ in found}) == len(found)
    assert all(kind.in_every_window for kind in PROPERTIES["hostile"].kinds.values()), (
        "both are to be seen in the window of each fault"
    )


@pytest.mark.live
def test_a_contract_without_payments_has_wrong_tokens_read_alone(tmp_path: Path):
    contract = Contract.model_validate({name: part for name, part in CONTRACT.items() if name != "idempotency"})
    assert {start["k"] for start, _ in steady(tmp_path, contract)} == {"forge"}


def test_one_correct_pass_of_hostile_tokens(tmp_path: Path, service: Service):
    with agent(tmp_path, service, {"hostile/hop": 1}) as made:
        assert do(made, "steady")["surprises"] == []
    forged = {start["a"]: end["cl"] for start, end in ops(tmp_path) if start["k"] == "forge"}
    # This service names no issuer, so there is none to be wrong.
    assert forged == dict.fromkeys(
        [
            "expired",
            "no-expiry",
            "other-audience",
            "unsigned",
            "foreign-key",
            "other-subject",
            "refresh-token",
            "bit-flipped",
            "truncated",
        ],
        "absent",
    )
