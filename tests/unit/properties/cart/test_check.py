from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judging.verdict import Result, Verdict, Witness
from harness.properties.cart import check as cart
from tests.support.histories import history, rows_history, told
from tests.support.oracles import ITEMS, QUICK, Row, guilty, lengths, linearizable, row, times

TERMS = cart.Criteria(ttl_s=100)
ADD = "cart/add l1 ok 0-10"


def look(times_ms: str, found: bool = True, line: str = "l1") -> str:
    return f"cart/look {line} ok {times_ms} value={'present' if found else 'absent'}"


def shown(number: int, kind: str, label: str, begun: float, ended: float, value: str | None = None) -> dict[str, Any]:
    return {
        "id": number, "client": 1, "kind": kind, "phase": "load", "outcome": label, "class": label, "status": None,
        "replica": "replica-1", "boot": "b1", "invoke_s": begun, "return_s": ended, "arg": None, "value": value,
        "state": None, "number": None,
    }  # fmt: skip


def test_the_whole_result_of_a_lost_line() -> None:
    assert cart.check(history(ADD, look("20-30", found=False)), TERMS) == Result(
        name="cart",
        property=cart.SENTENCE,
        verdict=Verdict.INVALID,
        reason=None,
        examined={"lines": 1, "found": 0, "not_found": 1, "removed": 0},
        violations={"lost": 1},
        evidence={},
        could_have_missed="",
        witnesses=[
            Witness(
                "lost",
                "l1",
                "l1: not found although its add was acknowledged and no remove explains it",
                [shown(0, "add", "ok", 0.0, 0.01), shown(1, "look", "ok", 0.02, 0.03, "absent")],
                [],
                [],
            )
        ],
        detected={"at_s": 0.03, "ops": 2},
    )


def test_nothing_examined_is_unknown() -> None:
    result = cart.check(history(ADD), TERMS)
    assert (result.verdict, result.reason) == (
        Verdict.UNKNOWN,
        "1 lines were acknowledged and 0 looks answered: nothing to judge",
    )


GUILTY = {
    "lost": [ADD, look("11-20", found=False)],
    "lost, nothing to remove": [ADD, "cart/remove l1 missing 11-20"],
    "lost, before a remove": [ADD, look("11-20", found=False), "cart/remove l1 ok 21-30"],
    "lost, before a doubtful remove": [ADD, look("11-20", found=False), "cart/remove l1 error 21-30"],
    "lost, seen again": [ADD, "cart/remove l1 error 11-12", look("13-14", found=False), look("15-16")],
    "lost, a doubtful remove that did nothing": [
        ADD,
        "cart/remove l1 error 11-12",
        look("13-14", found=False),
        "cart/remove l1 ok 15-16",
    ],
    "lost, by a doubtful add that was seen": ["cart/add l1 error 0-10", look("3-4"), look("5-6", found=False)],
    "zombie": [ADD, "cart/remove l1 ok 11-20", look("21-30")],
    "zombie, brought back by a late repetition": [
        "cart/add l1 error 0-5",
        "cart/add l1 ok 6-10",
        "cart/remove l1 ok 11-20",
        look("21-30"),
    ],
    "phantom": ["cart/add l1 ok 20-30", look("5-19")],
    "phantom, removed": ["cart/add l1 ok 20-30", "cart/remove l1 ok 5-19"],
    "removed twice": [ADD, "cart/remove l1 ok 11-20", "cart/remove l1 ok 15-30"],
    "present after failed add": ["cart/add l1 no_effect 0-10", look("20-30")],
}


@pytest.mark.parametrize("name", GUILTY)
def test_guilty(name: str) -> None:
    result = cart.check(history(*GUILTY[name]), TERMS)
    assert told(result) == ("invalid", {name.split(",")[0]: 1})
    assert result.witnesses[0].ops


INNOCENT = {
    "overlaps the add": [ADD, look("9-30", found=False)],
    "gone while it is removed": [ADD, "cart/remove l1 ok 20-40", look("21-22", found=False)],
    "there while it is removed": [ADD, "cart/remove l1 ok 20-40", look("40-50")],
    "after the remove": [ADD, "cart/remove l1 ok 20-40", look("41-50", found=False), "cart/remove l1 missing 60-70"],
    "a doubtful add that came late": ["cart/add l1 error 0-10", look("20-30", found=False), look("40-50")],
    "a doubtful add that never came": ["cart/add l1 error 0-10", look("20-30", found=False)],
    "a doubtful remove": [ADD, "cart/remove l1 error 20-30", look("90-95", found=False)],
    "a doubtful remove that came late": [
        ADD,
        "cart/remove l1 error 20-?",
        look("50-60"),
        look("90-95", found=False),
    ],
    "an add repeated after the remove": [
        ADD,
        "cart/remove l1 ok 20-30",
        "cart/add l1 ok 40-50",
        look("60-70", found=False),
    ],
    "at the end of its life": [ADD, look("98990-99001", found=False)],
    "an add of another workload": ["cart/add l1 no_effect 0-1", "idempotency/pay l1 ok 3-4 value=present"],
    "doubtful look": [ADD, "cart/look l1 error 20-30"],
}


@pytest.mark.parametrize("name", INNOCENT)
def test_innocent(name: str) -> None:
    lines = [*INNOCENT[name], "cart/add l0 ok 0-1", look("2-3", line="l0")]
    assert told(cart.check(history(*lines), TERMS)) == ("valid", {})


OPS = st.tuples(
    st.sampled_from(
        ["add ok", *["look present", "look absent", "remove ok"] * 2, "look error", "remove error", "remove missing"]
    ),
    times,
    lengths,
)
ADDS = st.tuples(st.sampled_from(["ok", "ok", "ok", "error"]), st.integers(0, 4), lengths)


def step(state: str, op: Row) -> list[str]:
    """Added once, however often that is asked for; an ok remove removes something."""
    kind, label, value = op["kind"], op["class"], op.get("value")
    if kind == "add":
        return ["there" if state == "never" else state]
    if kind == "remove" and label == "error":
        return ["gone" if state == "there" else state]
    if kind == "remove" and label == "ok":
        return ["gone"] if state == "there" else []
    found = label == "ok" and value == "present"
    return [state] if label == "error" or found == (state == "there") else []


@pytest.mark.thorough
@QUICK
@given(st.lists(st.tuples(ADDS, st.lists(OPS, max_size=6)), min_size=ITEMS, max_size=ITEMS))
def test_the_same_verdict_as_brute_force(items: list[Any]) -> None:
    histories: dict[str, list[Row]] = {}
    for number, ((label, start, length), ops) in enumerate(items):
        name = f"l{number}"
        rows = [row("cart", "add", name, label, start, length)]
        for what, at, took in ops:
            kind, answer = what.split()
            value = answer if answer in ("present", "absent") else None
            rows.append(row("cart", kind, name, "ok" if value else answer, at, took, value=value))
        histories[name] = rows
    db = rows_history([each for rows in histories.values() for each in rows])
    cart.check(db, cart.Criteria())
    explained = {name for name, rows in histories.items() if linearizable(rows, "never", step)}
    assert guilty(db) == set(histories) - explained
