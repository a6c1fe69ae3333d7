from __future__ import annotations

import pytest

from harness.judging.verdict import Result, Verdict, Witness
from harness.properties.session import check as session
from tests.support.histories import history, told

LOGIN = "session/login s1 ok 0-10"
TTL = session.Criteria(session_ttl_s=100, refresh_grace_s=10)


def test_the_whole_result_of_a_lost_session() -> None:
    db = history(LOGIN, "session/read s1 absent 20-30 replica=replica-2 boot=b2 client=2 status=401")
    login = {
        "id": 0, "client": 1, "kind": "login", "phase": "load", "outcome": "ok", "class": "ok", "status": None,
        "replica": "replica-1", "boot": "b1", "invoke_s": 0.0, "return_s": 0.01, "arg": None, "value": None,
        "state": None, "number": None,
    }  # fmt: skip
    read = {
        "id": 1, "client": 2, "kind": "read", "phase": "load", "outcome": "fail", "class": "absent", "status": 401,
        "replica": "replica-2", "boot": "b2", "invoke_s": 0.02, "return_s": 0.03, "arg": None, "value": None,
        "state": None, "number": None,
    }  # fmt: skip
    assert session.check(db, TTL) == Result(
        name="session",
        property=session.SENTENCE,
        verdict=Verdict.INVALID,
        reason=None,
        examined={"sessions": 1, "present_reads": 0, "absent_reads": 1, "revokes": 0, "ambiguous": 0},
        violations={"lost": 1},
        evidence={},
        could_have_missed="",
        witnesses=[
            Witness(
                "lost",
                "s1",
                "s1: answered as absent although it was acknowledged, not revoked and not expired",
                [login, read],
                [],
                [],
            )
        ],
        detected={"at_s": 0.03, "ops": 2},
    )


def test_nothing_examined_is_unknown() -> None:
    result = session.check(history(LOGIN), TTL)
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "1 sessions were acknowledged and 0 reads answered: nothing to judge"


GUILTY = {
    "lost": [LOGIN, "session/read s1 absent 11-30"],
    "lost, of a payment": [LOGIN, "idempotency/pay p1 absent 11-30 session=s1"],
    "lost, before a doubtful log-out": [LOGIN, "session/read s1 absent 11-30", "session/logout s1 error 31-40"],
    "lost, seen again": [
        LOGIN,
        "session/logout s1 error 11-20",
        "session/read s1 absent 21-30",
        "session/read s1 ok 31-40",
    ],
    "lost, after a failed log-out": [LOGIN, "session/logout s1 absent 11-20"],
    "lost, after an early read": [
        "session/login s1 ok 0-50",
        "session/read s1 ok 1-9",
        "session/read s1 absent 10-12",
    ],
    "zombie": [LOGIN, "session/logout s1 ok 11-20", "session/read s1 ok 21-30"],
    "zombie, by refresh": [LOGIN, "session/logout s1 ok 11-20", "session/refresh s1 ok 21-30 arg=a value=b"],
    "zombie, by a payment": [LOGIN, "session/logout s1 ok 11-20", "idempotency/pay p1 mismatch 21-30 session=s1"],
    "phantom": ["session/login s1 ok 20-30", "session/read s1 ok 5-19"],
    "expired": [LOGIN, "session/read s1 ok 101011-101020"],
    "present after failed log-in": ["session/login s1 limited 0-10", "session/read s1 ok 20-30"],
    "refused": ["session/login s1 refused 0-10 user=u", "session/read s9 ok 20-30"],
    "refused, signed up": ["users/signup u ok 0-5", "session/login s1 refused 6-10 user=u"],
    "crossed": [LOGIN, "session/read s1 ok 11-20 want=a value=b"],
}


@pytest.mark.parametrize("name", GUILTY)
def test_guilty(name: str) -> None:
    result = session.check(history(*GUILTY[name]), TTL)
    assert told(result) == ("invalid", {name.split(",")[0]: 1})
    assert result.witnesses[0].ops


INNOCENT = {
    "overlaps the log-in": ["session/login s1 ok 0-10", "session/read s1 absent 9-30"],
    "overlaps a log-out": [LOGIN, "session/logout s1 ok 20-40", "session/read s1 absent 21-22"],
    "present while logging out": [LOGIN, "session/logout s1 ok 20-40", "session/read s1 ok 40-50"],
    "after a doubtful log-out": [LOGIN, "session/logout s1 error 20-30", "session/read s1 absent 900-950"],
    "doubtful log-out takes effect late": [
        LOGIN,
        "session/logout s1 error 20-30",
        "session/read s1 ok 700-800",
        "session/read s1 absent 900-950",
    ],
    "log-out never answered": [LOGIN, "session/logout s1 error 20-?", "session/read s1 absent 25-26"],
    "at the end of its life": [LOGIN, "session/read s1 absent 98990-99001"],
    "within the leeway": [LOGIN, "session/read s1 ok 101009-101020"],
    "renewed by a refresh": [
        LOGIN,
        "session/refresh s1 ok 50000-50010 arg=a value=b",
        "session/read s1 ok 150000-150010",
    ],
    "doubtful read": [LOGIN, "session/read s1 error 20-30", "session/read s1 ok 40-50"],
    "forged": [LOGIN, "session/read s1 ok 12-13", "hostile/forge f1 absent 20-30 session=s1"],
    "refused by a limiter": [LOGIN, "session/logout s1 ok 11-20", "session/read s1 limited 21-30"],
    "a refresh presented twice may look like theft": [
        LOGIN,
        "session/refresh s1 error 100-200 arg=a",
        "session/refresh s1 ok 300-400 arg=a value=b",
        "session/read s1 absent 9000-9101",
    ],
    "a log-in refused before its sign-up was acknowledged": [
        LOGIN,
        "session/read s1 ok 11-12",
        "users/signup u error 0-5",
        "session/login s2 refused 6-10 user=u",
    ],
    "logged in twice under one name": [LOGIN, "session/login s1 ok 11-20", "session/read s1 absent 30-40"],
}


@pytest.mark.parametrize("name", INNOCENT)
def test_innocent(name: str) -> None:
    lines = [*INNOCENT[name], "session/login s0 ok 0-1", "session/read s0 ok 2-3"]
    assert told(session.check(history(*lines), TTL)) == ("valid", {})


def test_a_session_twice_logged_in_is_counted_as_ambiguous() -> None:
    db = history(*INNOCENT["logged in twice under one name"])
    assert session.check(db, TTL).examined["ambiguous"] == 1


def test_at_most_five_witnesses_each_rule_first_and_the_earliest_of_each() -> None:
    lines = ["session/login z ok 0-1", "session/logout z ok 2-3", "session/read z ok 500-501"]
    for number in range(8):
        lines += [f"session/login s{number} ok 0-1", f"session/read s{number} absent {10 + number}-20"]
        lines += [f"session/read s{number} error {40 + each}-60" for each in range(20)]
    result = session.check(history(*lines), TTL)
    assert result.violations == {"lost": 8, "zombie": 1}
    assert [(witness.rule, witness.key) for witness in result.witnesses] == [
        ("lost", "s0"),
        ("zombie", "z"),
        ("lost", "s1"),
        ("lost", "s2"),
        ("lost", "s3"),
    ]
    assert {len(witness.ops) for witness in result.witnesses} == {3, 12}
