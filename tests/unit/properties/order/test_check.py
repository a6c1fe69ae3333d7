from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judging.verdict import Result, Verdict, Witness
from harness.properties.order import check as order
from tests.support.histories import MS, effect, fault, history, rows_history, told
from tests.support.oracles import ITEMS, QUICK, Row, guilty, lengths, row, times

TERMS = order.Criteria(retention_s=100, definite_answer_s=5)
OK = "order/place o1 ok 0-10 arg=A user=ann value=v given_id=i"
LATE = "order/place o1 refused 20-30 arg=B user=bob"
DONE = [effect("o1", 5, "order")]
OTHER = ["order/place o9 ok 0-1 arg=Z user=zoe", "order/place o9 refused 2-3 arg=Y user=yan"]
"""A race that went well."""


def test_the_whole_result_of_two_winners() -> None:
    db = history(OK, "order/place o1 ok 8-20 arg=B user=bob value=w given_id=j", effect=DONE, fault=[])
    shown = {
        "client": 1, "kind": "place", "phase": "load", "outcome": "ok", "class": "ok", "status": None,
        "replica": "replica-1", "boot": "b1", "state": None, "number": None,
    }  # fmt: skip
    first = {"id": 0, **shown, "invoke_s": 0.0, "return_s": 0.01, "arg": "A", "value": "v"}
    second = {"id": 1, **shown, "invoke_s": 0.008, "return_s": 0.02, "arg": "B", "value": "w"}
    result = order.check(db, TERMS)
    assert replace(result, witnesses=[]) == Result(
        name="order",
        property=order.SENTENCE,
        verdict=Verdict.INVALID,
        reason=None,
        examined={
            "attempts": 2, "acknowledged": 2, "refused": 0, "doubtful": 0, "looks": 0, "beyond_retention": 0,
            "effects": 1,
        },
        violations={"two winners": 1},
        evidence={"effects_seen_at": "ledger", "orders_with_several_racers": 1},
        could_have_missed="",
        witnesses=[],
        detected=result.detected,
    )  # fmt: skip
    (witness,) = result.witnesses
    assert [{name: op[name] for name in first} for op in witness.ops] == [first, second]
    assert replace(witness, ops=[]) == Witness(
        "two winners",
        "o1",
        "o1: acknowledged to two who asked for it",
        [],
        [{"effect": "e-o1-5", "at_s": 0.005, "key": "o1", "fence": None}],
        [],
    )


GUILTY: dict[str, tuple[list[str], list[dict[str, Any]]]] = {
    "two winners": ([OK, "order/place o1 ok 20-30 arg=B user=ann value=v given_id=i"], DONE),
    "winner refused": ([OK, "order/place o1 refused 20-30 arg=A user=ann"], DONE),
    "winner refused, before": ([OK.replace("0-10", "40-50"), "order/place o1 refused 45-47 arg=A user=ann"], DONE),
    "taken by nobody": ([LATE], []),
    "taken by nobody, all refused": ([LATE, "order/place o1 refused 20-30 arg=A user=ann"], []),
    "taken by nobody, yet": ([OK.replace("0-10", "40-50"), LATE], DONE),
    "taken by nobody, itself doubtful": (["order/place o1 error 0-10 arg=B user=bob", LATE], []),
    "taken by nobody, the other was refused too": (
        ["order/place o1 error 0-10 arg=A user=ann", "order/place o1 refused 12-15 arg=A user=ann", LATE],
        [],
    ),
    "key refused": ([OK, "order/place o1 mismatch 20-30 arg=B user=bob"], DONE),
    "key refused, its own": ([OK, "order/place o1 mismatch 20-30 arg=A user=ann"], DONE),
    "answers differ": ([OK, "order/place o1 ok 20-30 arg=A user=ann value=w given_id=i"], DONE),
    "answers differ, in id": ([OK, "order/place o1 ok 20-30 arg=A user=ann value=v given_id=j"], DONE),
    "answers differ, in a look": ([OK, "order/inspect o1 ok 20-30 user=ann state=done given_id=j"], DONE),
    "lost": ([OK, "order/inspect o1 missing 20-30 user=ann"], DONE),
    "shown to another": ([OK, LATE, "order/inspect o1 ok 40-50 user=bob state=done given_id=i"], DONE),
    "shown to another, nobody knows whose": (
        ["order/place o1 error 0-10 arg=A user=ann", LATE, "order/inspect o1 ok 40-50 user=bob state=done"],
        DONE,
    ),
    "processed no more": ([OK, "order/inspect o1 ok 20-30 user=ann state=pending"], DONE),
    "processed no more, as was seen": (
        [
            "order/place o1 error 0-10 arg=A user=ann",
            "order/inspect o1 ok 20-30 user=ann state=done",
            "order/inspect o1 ok 40-50 user=ann state=pending",
        ],
        DONE,
    ),
    "processed twice": ([OK], [*DONE, effect("o1", 7, "order")]),
    "processed twice, doubtful": (
        ["order/place o1 error 0-10 arg=A user=ann"],
        [*DONE, effect("o1", 7, "order")],
    ),
    "ok without effect": ([OK], [effect("o1", 5, "payment")]),
    "effect of a refused one": (["order/place o1 no_effect 0-10 arg=A user=ann"], DONE),
    "stranded": (
        [
            "order/place o1 error 0-10 arg=A user=ann",
            "order/place o1 in_progress 9000-9010 arg=A user=ann phase=settle",
        ],
        [],
    ),
    "stranded, as is seen": (
        [
            "order/place o1 error 0-10 arg=A user=ann",
            "order/inspect o1 ok 9000-9010 user=ann state=pending phase=settle",
            "order/place o1 refused 9020-9030 arg=B user=bob phase=settle",
        ],
        [],
    ),
    "stranded, never a definite answer": (
        [
            "order/place o1 error 0-10 arg=A user=ann",
            "order/place o1 error 4000-4010 arg=A user=ann phase=settle",
            "order/place o1 error 9000-9010 arg=A user=ann phase=settle",
        ],
        [],
    ),
}


@pytest.mark.parametrize("name", GUILTY)
def test_guilty(name: str) -> None:
    lines, effects = GUILTY[name]
    db = history(*lines, *OTHER, effect=[*effects, effect("o9", 0, "order")])
    assert told(order.check(db, TERMS)) == ("invalid", {name.split(",")[0]: 1})


INNOCENT: dict[str, tuple[list[str], list[dict[str, Any]]]] = {
    "once": ([OK, LATE, OK.replace("0-10", "40-50")], DONE),
    "refused while the winner waits": ([OK, "order/place o1 refused 5-8 arg=B user=bob"], DONE),
    "refused beside the winner's first attempt": ([OK.replace("0-10", "25-90"), LATE], DONE),
    "refused in favour of a doubtful one": (["order/place o1 error 0-10 arg=A user=ann", LATE], DONE),
    "refused in favour of one that goes on": (["order/place o1 in_progress 0-10 arg=A user=ann", LATE], DONE),
    "doubtful, then refused": (["order/place o1 error 0-3 arg=B user=bob", OK, LATE], DONE),
    "doubtful, with an effect": (["order/place o1 error 0-10 arg=A user=ann"], DONE),
    "doubtful, without": (["order/place o1 error 0-10 arg=A user=ann"], []),
    "open": (["order/place o1 error 0-? arg=A user=ann"], DONE),
    "another user does not see it": ([OK, "order/inspect o1 missing 20-30 user=bob"], DONE),
    "not there yet": ([OK, "order/inspect o1 missing 5-8 user=ann"], DONE),
    "seen by its doubtful owner": (
        [
            "order/place o1 error 0-10 arg=A user=ann",
            "order/inspect o1 ok 20-30 user=ann state=pending given_id=i",
            "order/inspect o1 ok 40-50 user=ann state=done given_id=i",
        ],
        DONE,
    ),
    "seen by a user of two racers": (
        [OK, LATE.replace("bob", "ann"), "order/inspect o1 ok 40-50 user=ann state=done given_id=i"],
        DONE,
    ),
    "seen in processing beside its acknowledgement": (
        [OK, "order/inspect o1 ok 5-30 user=ann state=pending given_id=i"],
        DONE,
    ),
    "settled": (
        [
            "order/place o1 error 0-10 arg=A user=ann",
            "order/place o1 in_progress 8000-8010 arg=A user=ann phase=settle",
            "order/place o1 ok 9000-9010 arg=A user=ann phase=settle",
        ],
        DONE,
    ),
    "in progress soon after it was given up": (
        [
            "order/place o1 error 0-4900 arg=A user=ann",
            "order/place o1 in_progress 9000-9010 arg=A user=ann phase=settle",
        ],
        [],
    ),
    "in progress beside another attempt": (
        [
            "order/place o1 ok 9000-9050 arg=A user=ann phase=final",
            "order/place o1 in_progress 9001-9010 arg=A user=ann phase=final",
        ],
        DONE,
    ),
    "beyond the retention": ([OK, "order/place o1 ok 99000-99001 arg=B user=bob"], DONE),
    "refused for its session": ([OK, "order/place o1 absent 20-30 arg=A user=ann"], DONE),
    "an effect of another kind beside its own": ([OK], [*DONE, effect("o1", 6, "job")]),
}


@pytest.mark.parametrize("name", INNOCENT)
def test_innocent(name: str) -> None:
    lines, effects = INNOCENT[name]
    db = history(*lines, *OTHER, effect=[*effects, effect("o9", 0, "order")])
    assert told(order.check(db, TERMS)) == ("valid", {})


def test_the_promised_time_starts_when_the_faults_are_healed() -> None:
    lines = [
        "order/place o1 error 0-10 arg=A user=ann",
        "order/place o1 in_progress 9000-9010 arg=A user=ann phase=settle",
        OK.replace("o1", "o2"),
        LATE.replace("o1", "o2"),
    ]
    effects = [effect("o2", 1, "order")]
    for quiet_ms, verdict in ((4_000, "invalid"), (5_000, "valid")):
        phase = [{"name": "quiet", "at_ns": quiet_ms * MS}]
        assert told(order.check(history(*lines, effect=effects, phase=phase), TERMS))[0] == verdict
    healed = [fault(0, "kill", 100, 200, 5_000)]
    assert told(order.check(history(*lines, effect=effects, fault=healed), TERMS))[0] == "valid"


def test_what_was_not_promised_or_cannot_be_seen_is_not_judged() -> None:
    db = history(OK, LATE, effect=[*DONE, effect("o1", 6, "order")])
    assert told(order.check(db, replace(TERMS, deduplicates=False))) == ("valid", {})
    assert told(order.check(history(OK, LATE), replace(TERMS, effects="nowhere"))) == ("valid", {})


def test_nothing_examined_is_unknown() -> None:
    result = order.check(history("order/place o1 error 0-10 arg=A user=ann"), TERMS)
    assert (result.verdict, result.reason) == (Verdict.UNKNOWN, "no order was acknowledged: nothing to judge")
    result = order.check(history(OK, effect=DONE), TERMS)
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "no order was asked for by more than one: whether one alone gets it was not seen"


PLACES = st.tuples(
    st.sampled_from(["ok", "refused", "refused", "error", "error"]), st.sampled_from("AAB"), times, lengths
)
LOOKS = st.tuples(st.sampled_from(["ok", "missing"]), st.sampled_from("AAB"), times, lengths)


def one_owner_explains(places: list[Row], looks: list[Row]) -> bool:
    """Whether some owner, from some instant on, explains every answer; every instant and owner is tried."""
    instants = {each["invoke_ns"] for each in [*places, *looks]} | {each["return_ns"] for each in [*places, *looks]}
    if not any(each["class"] in ("ok", "refused") for each in places) and not any(
        look["class"] == "ok" for look in looks
    ):
        return True
    return any(explains(owner, at, places, looks) for owner in "AB" for at in instants)


def explains(owner: str, at: int, places: list[Row], looks: list[Row]) -> bool:
    """Whether all answers fit an order that is `owner`'s from `at` on, and nobody's before."""
    mine = [each for each in places if each["arg"] == owner]
    # It became its owner's by an attempt of its own under way or given up, and every ok follows that.
    if not any(each["class"] in ("ok", "error") and each["invoke_ns"] <= at for each in mine):
        return False
    if any(each["class"] == "ok" and each["return_ns"] < at for each in mine):
        return False
    if any(each["class"] == "refused" for each in mine):
        return False
    others = [each for each in places if each["arg"] != owner]
    if any(each["class"] == "ok" or (each["class"] == "refused" and each["return_ns"] < at) for each in others):
        return False
    for look in looks:
        own = look["user"] == f"user-{owner}"
        if look["class"] == "ok" and (not own or look["return_ns"] < at):
            return False
        if look["class"] == "missing" and own and look["invoke_ns"] > at:
            return False
    return True


@pytest.mark.thorough
@QUICK
@given(
    st.lists(
        st.tuples(st.lists(PLACES, min_size=1, max_size=4), st.lists(LOOKS, max_size=2)), min_size=ITEMS, max_size=ITEMS
    )
)
def test_against_every_owner_and_every_instant(items: list[Any]) -> None:
    """Never an alarm for what an owner explains; exact where nobody looked. A look is judged more weakly on purpose:
    one that found nothing only after an acknowledgement, one that found it without regard to when."""
    histories: dict[str, tuple[list[Row], list[Row]]] = {}
    for number, (asked, looked) in enumerate(items):
        name = f"o{number}"
        places = [
            row("order", "place", name, label, at, took, arg=arg, user=f"user-{arg}") for label, arg, at, took in asked
        ]
        looks = [
            row("order", "inspect", name, label, at, took, user=f"user-{arg}", state="done" if label == "ok" else None)
            for label, arg, at, took in looked
        ]
        histories[name] = (places, looks)
    db = rows_history([each for places, looks in histories.values() for each in (*places, *looks)])
    order.check(db, order.Criteria(effects="nowhere"))
    alarmed = guilty(db)
    for name, (places, looks) in histories.items():
        if one_owner_explains(places, looks):
            assert name not in alarmed
        elif not looks:
            assert name in alarmed
