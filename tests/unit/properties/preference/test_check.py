from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judging.verdict import Result, Verdict, Witness
from harness.properties.preference import check as preference
from tests.support.histories import history, rows_history, told
from tests.support.oracles import ITEMS, QUICK, Row, guilty, lengths, linearizable, row, times

TERMS = preference.Criteria()
FIRST = "preference/get u ok 0-1 value=initial"


def put(value: str, times_ms: str, label: str = "ok", more: str = "") -> str:
    return f"preference/put u {label} {times_ms} arg={value} {more}"


def get(value: str, times_ms: str, more: str = "") -> str:
    return f"preference/get u ok {times_ms} value={value} {more}"


def shown(number: int, kind: str, begun: float, ended: float, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "client": 1, "kind": kind, "phase": "load", "outcome": "ok", "class": "ok", "status": None,
        "replica": "replica-1", "boot": "b1", "invoke_s": begun, "return_s": ended, "arg": None, "value": None,
        "state": None, "number": None, **more,
    }  # fmt: skip


def test_the_whole_result_of_a_stale_read() -> None:
    db = history(get("initial", "0-10"), put("a", "20-30"), get("initial", "40-50"))
    assert preference.check(db, TERMS) == Result(
        name="preference",
        property=preference.SENTENCE,
        verdict=Verdict.INVALID,
        reason=None,
        examined={"registers": 1, "writes": 1, "refused": 0, "doubtful": 0, "reads": 2},
        violations={"stale": 1},
        evidence={},
        could_have_missed="",
        witnesses=[
            Witness(
                "stale",
                "u",
                "u: a value was read, or written, that another one had replaced",
                [
                    shown(0, "get", 0.0, 0.01, value="initial"),
                    shown(1, "put", 0.02, 0.03, arg="a"),
                    shown(2, "get", 0.04, 0.05, value="initial"),
                ],
                [],
                [],
            )
        ],
        detected={"at_s": 0.05, "ops": 3},
    )


def test_nothing_examined_is_unknown() -> None:
    result = preference.check(history(put("a", "0-1")), TERMS)
    assert (result.verdict, result.reason) == (
        Verdict.UNKNOWN,
        "1 writes and 0 reads were answered: nothing to judge",
    )


GUILTY = {
    "stale, the initial value": [FIRST, put("a", "2-3"), get("initial", "4-5")],
    "stale, between two reads of another": [put("a", "0-9"), get("a", "10-11"), put("b", "12-13"), get("a", "14-15")],
    "stale, a doubtful write that came and went": [
        put("a", "0-1"),
        put("b", "2-3", "error"),
        get("b", "4-5"),
        get("a", "6-7"),
    ],
    "stale, two that alternate": [
        put("a", "0-10"),
        put("b", "0-10"),
        get("a", "11-12"),
        get("b", "13-14"),
        get("a", "15-16"),
        get("b", "17-18"),
    ],
    "stale, a write that nobody reads": [get("a", "2-3"), put("a", "0-1"), put("b", "4-5"), get("a", "6-7")],
    "never written": [FIRST, get("other", "2-3")],
    "failed write": [FIRST, put("a", "2-3", "mismatch"), get("a", "2-9")],
    "before its write": [get("a", "0-1"), put("a", "2-3")],
    "version forked": [FIRST, put("a", "2-5", more="state=1"), put("b", "2-5", more="state=1")],
    "version forked, in a read": [FIRST, put("a", "2-5", more="state=1"), get("initial", "2-5", "state=1")],
}


@pytest.mark.parametrize("name", GUILTY)
def test_guilty(name: str) -> None:
    result = preference.check(history(*GUILTY[name]), TERMS)
    assert told(result) == ("invalid", {name.split(",")[0]: 1})
    assert result.witnesses[0].ops


INNOCENT = {
    "in order": [FIRST, put("a", "2-3"), get("a", "4-5"), put("b", "6-7"), get("b", "8-9")],
    "either while it is written": [FIRST, put("a", "2-9"), get("a", "3-4"), get("a", "5-6"), get("a", "10-11")],
    "old while it is written": [FIRST, put("a", "2-9"), get("initial", "3-4"), get("a", "5-6")],
    "touching": [FIRST, put("a", "2-3"), get("initial", "3-4")],
    "touching, one after the other": [put("a", "0-1"), get("a", "5-9"), put("b", "2-5"), get("b", "10-11")],
    "touching, at the end of the other": [put("a", "0-1"), get("a", "10-11"), put("b", "5-10")],
    "touching, at the begin of the other": [put("a", "0-1"), get("a", "10-11"), put("b", "1-5")],
    "two at once, in either order": [put("a", "0-10"), put("b", "0-10"), get("b", "11-12"), get("b", "13-14")],
    "a doubtful write that never came": [FIRST, put("a", "2-3", "error"), get("initial", "4-5")],
    "a doubtful write that came late": [FIRST, put("a", "2-3", "error"), get("initial", "4-5"), get("a", "6-7")],
    "a doubtful write after others": [
        put("b", "2-3", "error"),
        put("a", "4-5"),
        get("a", "6-7"),
        get("b", "8-9"),
        get("b", "10-11"),
    ],
    "a write never answered": [FIRST, put("a", "2-?", "error"), get("a", "4-5")],
    "refused, and its value never seen": [FIRST, put("a", "2-3", "mismatch"), get("initial", "4-5")],
    "doubtful read": [FIRST, "preference/get u error 2-3"],
    "another register": [FIRST, "preference/get w ok 2-3 value=other"],
    "versions that grow": [
        put("a", "0-1", more="state=1"),
        get("a", "2-3", "state=1"),
        put("b", "4-5", more="state=2"),
    ],
}


@pytest.mark.parametrize("name", INNOCENT)
def test_innocent(name: str) -> None:
    lines = [*INNOCENT[name], "preference/put other ok 0-1 arg=z", "preference/get other ok 2-3 value=z"]
    assert told(preference.check(history(*lines), TERMS)) == ("valid", {})


def test_declared_staleness_excuses_old_values_for_as_long() -> None:
    lines = [FIRST, put("a", "2000-2001"), get("initial", "2900-2901")]
    assert told(preference.check(history(*lines), preference.Criteria(staleness_s=1)))[0] == "valid"
    assert told(preference.check(history(*lines), preference.Criteria(staleness_s=0.5)))[0] == "invalid"


VALUES = "abc"
WRITES = st.tuples(st.sampled_from(["ok", "ok", "ok", "error", "mismatch"]), times, lengths)
READS = st.tuples(st.sampled_from(["i", "i", "a", "a", "b", "b", "c", "x", "?"]), times, lengths)


def step(state: str, op: Row) -> list[str]:
    """A register. Doubtful ops may be left out altogether."""
    if op["kind"] == "put":
        return [state if op["class"] == "mismatch" else op["arg"]]
    return [state] if op["value"] in (state, None) else []


def explained(rows: list[Row]) -> bool:
    """Nobody has told the initial value: what was read and never written is it, if that is one value."""
    written = {each["arg"] for each in rows if each["kind"] == "put"}
    unknown = {each["value"] for each in rows if each["kind"] == "get" and each["value"]} - written
    return len(unknown) <= 1 and linearizable(rows, next(iter(unknown), "i"), step)


@pytest.mark.thorough
@QUICK
@given(st.lists(st.tuples(st.lists(WRITES, max_size=3), st.lists(READS, max_size=6)), min_size=ITEMS, max_size=ITEMS))
def test_the_same_verdict_as_brute_force(items: list[Any]) -> None:
    histories: dict[str, list[Row]] = {}
    for number, (writes, reads) in enumerate(items):
        name = f"u{number}"
        rows = [
            row("preference", "put", name, label, at, took, arg=value)
            for value, (label, at, took) in zip(VALUES, writes, strict=False)
        ]
        rows += [
            row("preference", "get", name, "error" if value == "?" else "ok", at, took)
            | {"value": None if value == "?" else value}
            for value, at, took in reads
        ]
        if rows:
            histories[name] = rows
    db = rows_history([each for rows in histories.values() for each in rows])
    preference.check(db, TERMS)
    assert guilty(db) == {name for name, rows in histories.items() if not explained(rows)}
