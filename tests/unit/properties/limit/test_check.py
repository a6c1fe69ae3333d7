from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judging.verdict import Result, Verdict, Witness
from harness.properties.limit import check as rate_limit
from tests.support.histories import MS, history, rows_history, told
from tests.support.oracles import ITEMS, QUICK, Row, guilty, row

TERMS = rate_limit.Criteria(window_s=1, most=3, least=2)


def hit(times_ms: str, label: str = "ok", user: str = "u") -> str:
    return f"limit/hit {user} {label} {times_ms}"


def shown(number: int, label: str, begun: float, ended: float) -> dict[str, Any]:
    return {
        "id": number, "client": 1, "kind": "hit", "phase": "load", "outcome": "ok" if label == "ok" else "fail",
        "class": label, "status": None, "replica": "replica-1", "boot": "b1", "invoke_s": begun, "return_s": ended,
        "arg": None, "value": None, "state": None, "number": None,
    }  # fmt: skip


def test_the_whole_result_of_one_too_many() -> None:
    db = history(*(hit(f"{at}-{at + 5}") for at in (0, 10, 20, 30)), hit("40-45", "limited"))
    assert rate_limit.check(db, TERMS) == Result(
        name="limit",
        property=rate_limit.SENTENCE,
        verdict=Verdict.INVALID,
        reason=None,
        examined={"users": 1, "admitted": 4, "refused": 1, "doubtful": 0},
        violations={"too many": 1},
        evidence={},
        could_have_missed="",
        witnesses=[
            Witness(
                "too many",
                "u",
                "u: was admitted more often in one window than is promised",
                [
                    *(shown(number, "ok", number / 100, round(number / 100 + 0.005, 3)) for number in range(4)),
                    shown(4, "limited", 0.04, 0.045),
                ],
                [],
                [],
            )
        ],
        detected={"at_s": 0.035, "ops": 4},
    )


def test_nothing_examined_is_unknown() -> None:
    result = rate_limit.check(history(hit("0-1")), TERMS)
    assert (result.verdict, result.reason) == (
        Verdict.UNKNOWN,
        "1 requests were admitted and 0 refused: nothing to judge",
    )


def test_what_was_not_promised_is_not_judged_and_said() -> None:
    lines = [hit("0-1"), hit("5000-5001", "limited")]
    result = rate_limit.check(history(*lines), rate_limit.Criteria(window_s=1, most=3))
    assert told(result) == ("valid", {})
    assert result.could_have_missed.startswith("requests refused early: the contract names no limit_least; ")
    assert told(rate_limit.check(history(*lines), TERMS)) == ("invalid", {"refused early": 1})


GUILTY = {
    "too many, at the end of the window": [hit("0-1"), hit("2-3"), hit("400-401"), hit("980-990")],
    "too many, in a later window": [hit("0-1"), *(hit(f"{at}-{at + 9}") for at in (900, 1100, 1200, 1300))],
    "refused early, after silence": [hit("0-1"), hit("2-3"), hit("4-5"), hit("1100-1101", "limited")],
    "refused early, for ever": [hit("0-1"), hit("2-3"), hit("9000-9001", "limited")],
    "refused early, at first": [hit("0-1", "limited")],
    "refused early, when others were admitted": [
        hit("0-1", user="v"),
        hit("2-3", user="v"),
        hit("4-5", "limited"),
    ],
    "refused early, before the doubtful ones": [hit("0-1"), hit("10-11", "limited"), hit("20-30", "error")],
}


@pytest.mark.parametrize("name", GUILTY)
def test_guilty(name: str) -> None:
    lines = [*GUILTY[name], hit("50-60", user="w"), hit("61-62", user="w"), hit("63-64", "limited", "w")]
    result = rate_limit.check(history(*lines), TERMS)
    assert told(result) == ("invalid", {name.split(",")[0]: 1})
    assert result.witnesses[0].ops


INNOCENT = {
    "as many as promised": [hit("0-1"), hit("2-3"), hit("4-5"), hit("6-7", "limited")],
    "one of them may have been before": [hit("0-1005"), hit("900-901"), hit("902-903"), hit("1000-1001")],
    "one of them may have been after": [hit("0-1"), hit("2-3"), hit("4-5"), hit("980-1000")],
    "doubtful ones": [hit("0-1"), hit("2-3"), hit("4-5"), hit("6-7", "error"), hit("8-9", "error")],
    "each of their own": [hit(f"{at}-{at + 1}", user=user) for at in (0, 2, 4) for user in "uv"],
    "refused just after": [hit("0-1"), hit("2-3"), hit("1000-1001", "limited")],
    "refused while another was under way": [hit("0-1"), hit("500-600"), hit("590-700", "limited")],
    "refused because of doubtful ones long ago": [
        hit("0-1", "error"),
        hit("0-?", "error"),
        hit("9000-9001", "limited"),
    ],
}


@pytest.mark.parametrize("name", INNOCENT)
def test_innocent(name: str) -> None:
    lines = [*INNOCENT[name], hit("50-60", user="w"), hit("61-62", user="w"), hit("63-64", "limited", "w")]
    assert told(rate_limit.check(history(*lines), TERMS)) == ("valid", {})


TICK = 100
HITS = st.tuples(
    st.sampled_from(["ok", "ok", "ok", "limited", "limited", "error"]), st.integers(0, 40), st.integers(0, 8)
)


def counted(rows: list[Row], begin: float, end: float) -> int:
    """How many of the rows lie between whole."""
    return sum(begin <= each["invoke_ns"] and each["return_ns"] <= end for each in rows)


def broken(rows: list[Row], window: int, most: int, least: int) -> bool:
    """By the words of the rules, at every moment there is. Window in ns; no return lies at the end of one."""
    admitted = [each for each in rows if each["class"] == "ok"]
    moments = [moment * TICK * MS for moment in range(-15, 50)]
    if any(counted(admitted, begin, begin + window) > most for begin in moments):
        return True
    for refused in (each for each in rows if each["class"] == "limited"):
        possible = [
            each
            for each in rows
            if each["class"] in ("ok", "error")
            and each["invoke_ns"] <= refused["return_ns"]
            and (each["class"] == "error" or each["return_ns"] >= refused["invoke_ns"] - window)
        ]
        if len(possible) < least:
            return True
    return False


@pytest.mark.thorough
@QUICK
@given(st.lists(st.lists(HITS, max_size=9), min_size=ITEMS, max_size=ITEMS))
def test_the_same_verdict_as_the_words_of_the_rules(items: list[Any]) -> None:
    histories = {
        f"u{number}": [row("limit", "hit", f"u{number}", label, at * TICK, took * TICK) for label, at, took in ops]
        for number, ops in enumerate(items)
    }
    db = rows_history([each for rows in histories.values() for each in rows])
    # A window and a half of a tick, so that 1 % more or less decides nothing.
    rate_limit.check(db, rate_limit.Criteria(window_s=1.05, most=3, least=2))
    assert guilty(db) == {name for name, rows in histories.items() if broken(rows, 1050 * MS, 3, 2)}


GAPS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 60), st.integers(0, 60)), min_size=4, max_size=20)


@pytest.mark.thorough
@QUICK
@given(st.lists(GAPS, min_size=ITEMS, max_size=ITEMS))
def test_a_limiter_that_keeps_its_promises_is_never_blamed(items: list[Any]) -> None:
    """Each request is decided by the real rule at a moment that only the service knows, within what the client sees."""
    interval, burst = 250, 4
    rows: list[Row] = []
    for number, gaps in enumerate(items):
        moment, due = 1000, 0
        for gap, before, after in gaps:
            moment += gap
            label = "limited" if max(due, moment) - moment > (burst - 1) * interval else "ok"
            if label == "ok":
                due = max(due, moment) + interval
            rows.append(row("limit", "hit", f"u{number}", label, moment - before, before + after))
    rate_limit.check(db := rows_history(rows), rate_limit.Criteria(window_s=1, most=8, least=4))
    assert guilty(db) == set()
