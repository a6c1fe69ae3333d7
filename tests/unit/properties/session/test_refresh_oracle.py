"""Refresh tokens against brute force over small random histories.

Never an alarm for a history that some order of its ops explains, and the same verdict where nothing overlaps and
nothing is doubtful. With overlaps the closed form is weaker on purpose: an attempt counts as consuming from its invoke
on.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.properties.session import refresh
from tests.support.histories import rows_history
from tests.support.oracles import ITEMS, QUICK, Row, Step, guilty, lengths, linearizable, row, times

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
    rows = [row("session", "login", name, "ok", 0, 1, session=name, value=f"{name}r0")]
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
        rows.append(row("session", "refresh", name, answer, begin, took, **shown))
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
    rows = [row("session", "login", name, "ok", 0, 1, session=name, value=f"{name}r0")]
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
            row("session", answered.pop("kind"), name, answered.pop("label"), clock, 1, session=name, **answered)
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
