"""What the comparisons of closed forms with brute force share: rows of small random histories, and an oracle.

Each example holds many items at once, since opening a history costs more than judging an item.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.support.histories import MS

Row = dict[str, Any]
State = Any
Step = Callable[[State, Row], list[State]]

ITEMS = 30
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def linearizable(ops: list[Row], start: State, step: Step) -> bool:
    """Whether some order of the ops, consistent with real time, is legal. Doubtful ops may be left out."""
    seen: set[tuple[frozenset[int], State]] = set()
    todo = [(frozenset(range(len(ops))), start)]
    while todo:
        left, state = todo.pop()
        if (left, state) in seen:
            continue
        seen.add((left, state))
        due = [ops[each]["return_ns"] for each in left if ops[each]["outcome"] != "info"]
        if not due:
            return True
        for each in left:
            if ops[each]["invoke_ns"] <= min(due):
                todo += [(left - {each}, after) for after in step(state, ops[each])]
    return False


def row(workload: str, kind: str, item: str, label: str, invoke: int, length: int, **more: Any) -> Row:
    outcome = "ok" if label == "ok" else "info" if label == "error" else "fail"
    return {
        "workload": workload,
        "kind": kind,
        "phase": "load",
        "key": item,
        "outcome": outcome,
        "class": label,
        "invoke_ns": invoke * MS,
        "return_ns": (invoke + length) * MS,
        "client": 1,
        **more,
    }


def guilty(db: Any) -> set[str]:
    return {item for (item,) in db.execute("SELECT DISTINCT item FROM bad").fetchall()}


times = st.integers(0, 14)
lengths = st.integers(0, 6)
