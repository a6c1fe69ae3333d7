from __future__ import annotations

from dataclasses import replace

import pytest

from harness.judging.verdict import Result, Verdict, Witness
from harness.properties.idempotency import check as idempotency
from tests.support.histories import MS, effect, fault, history, told

TERMS = idempotency.Criteria(retention_s=100, definite_answer_s=5)
OK = "idempotency/pay p1 ok 0-10 arg=A value=v given_id=i"
PAID = [effect("p1", 5)]


def test_the_whole_result_of_a_doubled_effect() -> None:
    db = history(OK, effect=[effect("p1", 5), effect("p1", 7)], fault=[fault(3, "kill", 6, 8, 9)])
    pay = {
        "id": 0, "client": 1, "kind": "pay", "phase": "load", "outcome": "ok", "class": "ok", "status": None,
        "replica": "replica-1", "boot": "b1", "invoke_s": 0.0, "return_s": 0.01, "arg": "A", "value": "v",
        "state": None, "number": None,
    }  # fmt: skip
    assert idempotency.check(db, TERMS) == Result(
        name="idempotency",
        property=idempotency.SENTENCE,
        verdict=Verdict.INVALID,
        reason=None,
        examined={"attempts": 1, "acknowledged": 1, "doubtful": 0, "beyond_retention": 0, "effects": 2},
        violations={"duplicate effect": 1},
        evidence={"effects_seen_at": "ledger", "provider_deduplicates": True},
        could_have_missed="",
        witnesses=[
            Witness(
                "duplicate effect",
                "p1",
                "p1: one key took effect more than once",
                [pay],
                [
                    {"effect": "e-p1-5", "at_s": 0.005, "key": "p1", "fence": None},
                    {"effect": "e-p1-7", "at_s": 0.007, "key": "p1", "fence": None},
                ],
                [3],
            )
        ],
        detected={"at_s": 0.007, "ops": 1},
    )


GUILTY = {
    "duplicate effect": ([OK], [effect("p1", 5), effect("p1", 99_000)]),
    "duplicate effect, doubtful": (["idempotency/pay p1 error 0-10 arg=A"], [effect("p1", 5), effect("p1", 20)]),
    "both bodies took effect": ([OK, "idempotency/pay p1 error 20-30 arg=B"], [*PAID, effect("p1~other", 25)]),
    "ok without effect": ([OK], []),
    "effect of a failed request": (["idempotency/pay p1 limited 0-10 arg=A"], PAID),
    "effect of a failed request, not sent": (["idempotency/pay p1 no_effect 0-10 arg=A"], PAID),
    "answers differ": ([OK, "idempotency/pay p1 ok 20-30 arg=A value=w given_id=i"], PAID),
    "answers differ, in id": (
        ["idempotency/pay p1 ok 0-10 arg=A value=v given_id=i", "idempotency/pay p1 ok 0-10 arg=A value=v given_id=j"],
        PAID,
    ),
    "reuse accepted": ([OK, "idempotency/pay p1 ok 20-30 arg=B value=w"], PAID),
    "repetition refused": ([OK, "idempotency/pay p1 mismatch 20-30 arg=A"], PAID),
    "repetition refused, unknown": ([OK, "idempotency/pay p1 missing 20-30 arg=A"], PAID),
    "repetition refused, beside a reuse": (
        [OK, "idempotency/pay p1 mismatch 20-30 arg=A", "idempotency/pay p1 mismatch 40-50 arg=B"],
        PAID,
    ),
    "unsettled": (
        ["idempotency/pay p1 error 0-10 arg=A", "idempotency/pay p1 in_progress 9000-9010 arg=A phase=settle"],
        PAID,
    ),
    "unsettled, at the end": ([OK, "idempotency/pay p1 in_progress 9000-9010 arg=A phase=final"], PAID),
    "unsettled, never a definite answer": (
        [
            "idempotency/pay p1 error 0-10 arg=A",
            "idempotency/pay p1 error 4000-4010 arg=A phase=settle",
            "idempotency/pay p1 error 9000-9010 arg=A phase=settle",
        ],
        PAID,
    ),
}


@pytest.mark.parametrize("name", GUILTY)
def test_guilty(name: str) -> None:
    lines, effects = GUILTY[name]
    db = history(*lines, "idempotency/pay p9 ok 0-1", effect=[*effects, effect("p9", 0)])
    assert told(idempotency.check(db, TERMS)) == ("invalid", {name.split(",")[0]: 1})


INNOCENT = {
    "once": ([OK, "idempotency/pay p1 ok 20-30 arg=A value=v given_id=i"], PAID),
    "doubtful, with an effect": (["idempotency/pay p1 error 0-10 arg=A"], PAID),
    "doubtful, without": (["idempotency/pay p1 error 0-10 arg=A"], []),
    "open, with an effect": (["idempotency/pay p1 error 0-? arg=A", "idempotency/pay p1 limited 5-6 arg=A"], PAID),
    "failed, without": (["idempotency/pay p1 limited 0-10 arg=A"], []),
    "in progress, with an effect": (["idempotency/pay p1 in_progress 0-10 arg=A"], PAID),
    "reuse refused": ([OK, "idempotency/pay p1 mismatch 20-30 arg=B"], PAID),
    "the other body first": (
        ["idempotency/pay p1 ok 0-10 arg=B value=w", "idempotency/pay p1 mismatch 5-9 arg=A"],
        [effect("p1~other", 5)],
    ),
    "after the retention": ([OK], [*PAID, effect("p1", 99_001)]),
    "another answer after the retention": ([OK, "idempotency/pay p1 ok 99000-99001 arg=A value=w"], PAID),
    "settled": (
        [
            "idempotency/pay p1 error 0-10 arg=A",
            "idempotency/pay p1 in_progress 8000-8010 arg=A phase=settle",
            "idempotency/pay p1 ok 9000-9010 arg=A phase=settle",
        ],
        PAID,
    ),
    "in progress soon after it was given up": (
        ["idempotency/pay p1 error 0-4900 arg=A", "idempotency/pay p1 in_progress 9000-9010 arg=A phase=settle"],
        PAID,
    ),
    "in progress beside another attempt": (
        [
            OK,
            "idempotency/pay p1 ok 9000-9050 arg=A value=v phase=final",
            "idempotency/pay p1 in_progress 9001-9010 phase=final",
        ],
        PAID,
    ),
    "refused beside its acknowledgement, another body about": (
        [OK, "idempotency/pay p1 mismatch 5-20 arg=A", "idempotency/pay p1 mismatch 6-40 arg=B"],
        PAID,
    ),
    "refused for its session": ([OK, "idempotency/pay p1 absent 9000-9010 arg=A phase=final"], PAID),
}


@pytest.mark.parametrize("name", INNOCENT)
def test_innocent(name: str) -> None:
    lines, effects = INNOCENT[name]
    db = history(*lines, "idempotency/pay p9 ok 0-1", effect=[*effects, effect("p9", 0)])
    assert told(idempotency.check(db, TERMS)) == ("valid", {})


def test_the_promised_time_starts_when_the_faults_are_healed() -> None:
    lines = [
        "idempotency/pay p1 error 0-10 arg=A",
        "idempotency/pay p1 in_progress 9000-9010 arg=A phase=settle",
        OK.replace("p1", "p2"),
    ]
    effects = [*PAID, effect("p2", 1)]
    early = [{"name": "quiet", "at_ns": 4_000 * MS}]
    late = [{"name": "quiet", "at_ns": 5_000 * MS}]
    assert told(idempotency.check(history(*lines, effect=effects, phase=early), TERMS))[0] == "invalid"
    assert told(idempotency.check(history(*lines, effect=effects, phase=late), TERMS))[0] == "valid"
    healed = [fault(0, "kill", 100, 200, 5_000)]
    assert told(idempotency.check(history(*lines, effect=effects, fault=healed), TERMS))[0] == "valid"


def test_what_the_provider_does_not_promise_is_not_judged() -> None:
    db = history(OK, effect=[effect("p1", 5), effect("p1", 6)])
    assert told(idempotency.check(db, replace(TERMS, deduplicates=False))) == ("valid", {})


def test_effects_nowhere_are_not_judged() -> None:
    assert told(idempotency.check(history(OK), replace(TERMS, effects="nowhere"))) == ("valid", {})


LISTED = {
    "duplicate effect": [OK, "idempotency/effects p1 ok 20-30 number=2"],
    "ok without effect": [OK, "idempotency/effects p1 ok 20-30 number=0"],
    "effect of a failed request": ["idempotency/pay p1 limited 0-10", "idempotency/effects p1 ok 20-30 number=1"],
    "": [OK, "idempotency/effects p1 ok 5-9 number=0", "idempotency/effects p1 ok 20-30 number=1"],
}


@pytest.mark.parametrize("rule", LISTED)
def test_effects_seen_at_a_listing(rule: str) -> None:
    db = history(*LISTED[rule], "idempotency/pay p9 ok 0-1")
    expected = ("invalid", {rule: 1}) if rule else ("valid", {})
    assert told(idempotency.check(db, replace(TERMS, effects="listing"))) == expected


def test_nothing_examined_is_unknown() -> None:
    result = idempotency.check(history("idempotency/pay p1 error 0-10"), TERMS)
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "no payment was acknowledged: nothing to judge"
