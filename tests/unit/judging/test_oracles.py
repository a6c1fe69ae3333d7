"""The closed forms against brute force over small random histories.

Session and progress: the same verdict for every item. Refresh: never an alarm for a history that some order of its
ops explains, and the same verdict where nothing overlaps and nothing is doubtful; with overlaps the closed form is
weaker on purpose (an attempt counts as consuming from its invoke on). Idempotency: the same verdict for every key.

Each example holds many items at once, since opening a history costs more than judging an item.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.properties.idempotency import check as idempotency
from harness.properties.job import check as job
from harness.properties.session import check as session
from harness.properties.session import refresh
from tests.support.histories import MS, rows_history

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
        rows = [row("sessions", "login", name, label, start, length, session=name)]
        for what, invoke, took in ops:
            kind, answer = what.split()
            begin = max(invoke, start) if kind == "logout" else invoke
            rows.append(row("sessions", kind, name, answer, begin, took, session=name))
        histories[name] = rows
    db = rows_history([each for rows in histories.values() for each in rows])
    session.check(db, session.Criteria())
    explained = {name for name, rows in histories.items() if linearizable(rows, "never", session_step)}
    assert guilty(db) == set(histories) - explained


TOKENS = ["r0", "r1", "r2", "r3"]
REFRESH_OPS = st.tuples(
    st.sampled_from(["ok", "ok", "ok", "refused", "error", "fork"]), st.integers(0, 2), times, lengths
)


def refresh_step(successors: dict[str, str]) -> Step:
    """The newest token rotates; its predecessor gets the same again; older ones are refused."""

    def step(state: tuple[str | None, str], op: Row) -> list[tuple[str | None, str]]:
        previous, newest = state
        token = op["arg"]
        following = successors.get(token, f"{token}'")
        if op["outcome"] == "info":
            return [(token, following)] if token == newest else [state]
        if op["outcome"] == "fail":
            return [] if token in state else [state]
        if token == newest:
            return [(token, op["value"])]
        return [state] if token == previous and op["value"] == newest else []

    return step


def refresh_history(name: str, ops: list[Any], overlapping: bool) -> list[Row]:
    rows = [row("sessions", "login", name, "ok", 0, 1, session=name, value=f"{name}r0")]
    clock = 2
    issued = 0
    for label, token, invoke, length in ops:
        begin, took = (invoke + 2, length) if overlapping else (clock, 1)
        clock += 2
        number = token if overlapping else min(token, issued)
        answer = "ok" if label == "fork" else label
        shown: Row = {"session": name, "arg": f"{name}r{number}"}
        if answer == "ok":
            shown["value"] = f"{name}x" if label == "fork" else f"{name}r{number + 1}"
            if label == "ok":
                issued = max(issued, number + 1)
        rows.append(row("sessions", "refresh", name, answer, begin, took, **shown))
    return rows


def explained_refreshes(histories: dict[str, list[Row]]) -> set[str]:
    found = set()
    for name, rows in histories.items():
        given_by: dict[str, set[str]] = {}
        for each in rows[1:]:
            if each["outcome"] == "ok":
                given_by.setdefault(each["arg"], set()).add(each["value"])
        if any(len(values) > 1 for values in given_by.values()):
            continue
        step = refresh_step({token: next(iter(values)) for token, values in given_by.items()})
        if linearizable(rows[1:], (None, f"{name}r0"), step):
            found.add(name)
    return found


@QUICK
@given(st.lists(st.lists(REFRESH_OPS, max_size=6), min_size=ITEMS, max_size=ITEMS))
def test_refresh_never_alarms_falsely(items: list[Any]) -> None:
    histories = {f"s{n}": refresh_history(f"s{n}", ops, overlapping=True) for n, ops in enumerate(items)}
    db = rows_history([each for rows in histories.values() for each in rows])
    refresh.check(db, refresh.Criteria(refresh_grace_s=1000))
    assert not guilty(db) & explained_refreshes(histories)


SEQUENTIAL = st.tuples(st.sampled_from(["ok", "ok", "ok", "refused"]), st.integers(0, 3), times, lengths)


@QUICK
@given(st.lists(st.lists(SEQUENTIAL, max_size=6), min_size=ITEMS, max_size=ITEMS))
def test_refresh_is_exact_in_sequence(items: list[Any]) -> None:
    histories = {f"s{n}": refresh_history(f"s{n}", ops, overlapping=False) for n, ops in enumerate(items)}
    db = rows_history([each for rows in histories.values() for each in rows])
    refresh.check(db, refresh.Criteria(refresh_grace_s=1000))
    assert guilty(db) == set(histories) - explained_refreshes(histories)


GRACE_MS = 10
REUSE_STEPS = st.tuples(st.sampled_from(["rotate", "rotate", "read", "reuse", "reuse", "logout"]), st.integers(1, 12))


def reuse_history(name: str, steps: list[tuple[str, int]], faithful: bool) -> tuple[list[Row], bool]:
    """A session in sequence, 1 ms an op, by a service that revokes for late reuse or does not, and whether it shows.

    `reuse` presents the first token again. A family may be revoked within the leeway, and must be after it.
    """
    rows = [row("sessions", "login", name, "ok", 0, 1, session=name, value=f"{name}r0")]
    clock, newest, rotated, gone, caught, shows = 1, 0, 0, False, False, False
    for what, pause in steps:
        clock += pause
        if what == "reuse" and newest:
            late = clock - rotated > GRACE_MS + LEEWAY_MS
            gone = gone or (faithful and clock - rotated > GRACE_MS)
            caught = caught or late
            answered = {"kind": "refresh", "label": "refused", "arg": f"{name}r0"}
        elif what == "logout":
            answered = {"kind": "logout", "label": "absent" if gone else "ok"}
        elif what == "read":
            answered = {"kind": "read", "label": "absent" if gone else "ok"}
        else:
            answered = {"kind": "refresh", "label": "refused" if gone else "ok", "arg": f"{name}r{newest}"}
            if not gone:
                newest += 1
                answered["value"] = f"{name}r{newest}"
                rotated = clock + 1 if newest == 1 else rotated
        shows = shows or (caught and answered["label"] == "ok")
        rows.append(
            row("sessions", answered.pop("kind"), name, answered.pop("label"), clock, 1, session=name, **answered)
        )
        gone = gone or what == "logout"
        clock += 1
    return rows, shows


LEEWAY_MS = 3


@QUICK
@given(st.lists(st.tuples(st.lists(REUSE_STEPS, max_size=8), st.booleans()), min_size=ITEMS, max_size=ITEMS))
def test_refresh_reuse(items: list[Any]) -> None:
    made = {f"s{n}": reuse_history(f"s{n}", steps, faithful) for n, (steps, faithful) in enumerate(items)}
    db = rows_history([each for rows, _ in made.values() for each in rows])
    refresh.check(
        db,
        refresh.Criteria(refresh_grace_s=GRACE_MS / 1000, clock_leeway_s=LEEWAY_MS / 1000, refresh_reuse_revokes=True),
    )
    found = {item for (item,) in db.execute("SELECT item FROM bad WHERE rule = 'family lives on'").fetchall()}
    assert found == {name for name, (_, shows) in made.items() if shows}
    assert not any(shows and faithful for (_, shows), (_, faithful) in zip(made.values(), items, strict=True))


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
            row("payments", "pay", name, label, at, took, arg=arg, value=value if label == "ok" else None)
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


READS = st.tuples(st.sampled_from(["ok", "ok", "ok", "error"]), times, lengths, st.integers(0, 4))


@QUICK
@given(st.lists(st.lists(READS, max_size=7), min_size=ITEMS, max_size=ITEMS))
def test_progress(items: list[Any]) -> None:
    histories = {
        f"j{number}": [
            row("jobs", "status", f"j{number}", label, at, took, number=shown, state="running")
            for label, at, took, shown in ops
        ]
        for number, ops in enumerate(items)
    }
    db = rows_history([each for rows in histories.values() for each in rows])
    job.check(db, job.Criteria())
    broken = {
        name
        for name, rows in histories.items()
        for early in rows
        for late in rows
        if early["outcome"] == late["outcome"] == "ok"
        and early["return_ns"] < late["invoke_ns"]
        and late["number"] < early["number"]
    }
    assert guilty(db) == broken
