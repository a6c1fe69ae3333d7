"""Payments against brute force over small random histories: the same verdict for every key."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.properties.idempotency import check as idempotency
from tests.support.histories import MS, rows_history
from tests.support.oracles import ITEMS, QUICK, Row, guilty, lengths, row, times

PAYS = st.tuples(
    st.sampled_from(["ok", "ok", "error", "limited", "in_progress", "mismatch"]),
    st.sampled_from("AAAB"),
    st.sampled_from("vvvw"),
    times,
    lengths,
)


def possible_worlds(rows: list[Row], effects: list[str]) -> bool:
    """Whether one body took effect once and every answer tells of it, for some choice of body or none at all."""
    bodies = {each["arg"] for each in rows}
    for chosen in [None, *bodies]:
        oks = [each for each in rows if each["class"] == "ok"]
        if len(effects) != (chosen is not None):
            continue
        if any(each["arg"] != chosen for each in oks) or len({each["value"] for each in oks}) > 1:
            continue
        may = any(each["class"] in ("ok", "error", "in_progress") for each in rows)
        if chosen is not None and not may:
            continue
        if all(mismatch_is_legal(each, rows, oks, bodies) for each in rows if each["class"] == "mismatch"):
            return True
    return False


def mismatch_is_legal(one: Row, rows: list[Row], oks: list[Row], bodies: set[str]) -> bool:
    """Another body was sent under the key, and this one was not acknowledged before."""
    known = any(ok["arg"] == one["arg"] and ok["return_ns"] < one["invoke_ns"] for ok in oks)
    return len(bodies) > 1 and not known


@QUICK
@given(st.lists(st.tuples(st.lists(PAYS, min_size=1, max_size=4), st.integers(0, 2)), min_size=ITEMS, max_size=ITEMS))
def test_idempotency(items: list[Any]) -> None:
    histories: dict[str, tuple[list[Row], list[str]]] = {}
    effects: list[Row] = []
    for number, (ops, count) in enumerate(items):
        name = f"p{number}"
        rows = [
            row("idempotency", "pay", name, label, at, took, arg=arg, value=value if label == "ok" else None)
            for label, arg, value, at, took in ops
        ]
        histories[name] = (rows, [name] * count)
        effects += [{"effect": "e", "at_ns": 0, "reference": name, "key": name, "kind": "payment"}] * count
    for each in effects:
        each["at_ns"] = 20 * MS
    db = rows_history([each for rows, _ in histories.values() for each in rows], effect=effects)
    idempotency.check(db, idempotency.Criteria())
    explained = {name for name, (rows, landed) in histories.items() if possible_worlds(rows, landed)}
    assert guilty(db) == set(histories) - explained
