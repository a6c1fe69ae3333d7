"""Sessions against brute force over small random histories: the same verdict for every session."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.properties.session import check as session
from tests.support.histories import rows_history
from tests.support.oracles import ITEMS, QUICK, Row, guilty, lengths, linearizable, row, times

SESSION_OPS = st.tuples(
    st.sampled_from(
        ["read ok", "read absent", "read absent", "read error", "logout ok", "logout error", "logout absent"]
    ),
    times,
    lengths,
)
LOGIN = st.tuples(st.sampled_from(["ok", "ok", "ok", "error"]), st.integers(0, 4), lengths)


def session_step(state: str, op: Row) -> list[str]:
    """A set element that is added once and removed at most once."""
    kind, label = op["kind"], op["class"]
    if kind == "login":
        return ["there"] if state == "never" else []
    if kind == "logout" and label in ("ok", "error"):
        return ["gone"] if state in ("there", "gone") else []
    if label == "ok":
        return [state] if state == "there" else []
    return [state] if label == "error" or state != "there" else []


@QUICK
@given(st.lists(st.tuples(LOGIN, st.lists(SESSION_OPS, max_size=6)), min_size=ITEMS, max_size=ITEMS))
def test_session(items: list[Any]) -> None:
    histories: dict[str, list[Row]] = {}
    for number, ((label, start, length), ops) in enumerate(items):
        name = f"s{number}"
        rows = [row("session", "login", name, label, start, length, session=name)]
        for what, invoke, took in ops:
            kind, answer = what.split()
            begin = max(invoke, start) if kind == "logout" else invoke
            rows.append(row("session", kind, name, answer, begin, took, session=name))
        histories[name] = rows
    db = rows_history([each for rows in histories.values() for each in rows])
    session.check(db, session.Criteria())
    explained = {name for name, rows in histories.items() if linearizable(rows, "never", session_step)}
    assert guilty(db) == set(histories) - explained
