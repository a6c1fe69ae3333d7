"""Synthetic histories of any size, made in SQL, with known violations planted.

A story is twenty ops around one session, payment and job. In the shape `spread` a thousand stories run side by side;
in `hot` they follow each other on sixteen sessions, payments and jobs that never end. A microsecond passes an op.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import duckdb

from tests.support.histories import DERIVED, MS, fill, op
from tests.unit.properties.idempotency import test_check as test_idempotency
from tests.unit.properties.job import test_check as test_job
from tests.unit.properties.session import test_check as test_session
from tests.unit.properties.session import test_refresh

Connection = duckdb.DuckDBPyConnection
Expected = dict[str, dict[str, int]]

_COLUMNS = (
    "id, agent, op, client, workload, kind, phase, key, session, arg, value, want, given_id, number, state, outcome, "
    "class, replica, boot, sent_to, routing, error, invoke_ns, return_ns"
)

_KINDS = (
    "login", "read", "refresh", "pay", "pay", "submit", "status", "read", "status", "refresh",
    "pay", "status", "forge", "read", "read", "pay", "status", "logout", "read", "refresh",
)  # fmt: skip

_SPREAD = """
SELECT i, (i // 20000) * 1000 + i % 1000 AS j, (i % 20000) // 1000 AS k, '' AS h, 1000000 AS gap
FROM range({a}, {b}) r(i)"""

_HOT = """
SELECT i, i // 20 AS j, i % 20 AS k, '' || (i // 20) % 16 AS h, 1000 AS gap FROM range({a}, {b}) r(i)"""

_ROWS = """
WITH base AS ({base}),
story AS (SELECT *, {kinds}[k + 1] AS slot, h <> '' AND j >= 16 AS later, h <> '' AS hot,
  CASE WHEN h <> '' THEN h ELSE '' || j END AS item, j // 16 AS m FROM base),
kinds AS (SELECT *, CASE WHEN later AND slot IN ('login', 'logout') OR hot AND slot = 'logout' THEN 'read'
  WHEN later AND slot = 'submit' THEN 'status' ELSE slot END AS kind FROM story),
answers AS (SELECT *,
  CASE WHEN kind = 'pay' AND k = 4 AND j % 10 = 0 THEN 'error'
    WHEN kind = 'pay' AND k = 10 THEN 'mismatch' WHEN kind = 'forge' THEN 'absent'
    WHEN kind = 'refresh' AND k = 19 THEN CASE WHEN hot AND m < 1 THEN 'error' ELSE 'refused' END
    WHEN kind = 'read' AND k = 18 AND NOT hot THEN 'absent' ELSE 'ok' END AS class FROM kinds)
SELECT i, 0, i, i % 64,
  CASE kind WHEN 'pay' THEN 'idempotency' WHEN 'submit' THEN 'job' WHEN 'status' THEN 'job' WHEN 'forge' THEN 'hostile'
    ELSE 'session' END,
  kind, CASE WHEN k IN (15, 16) AND NOT hot THEN 'final' ELSE 'load' END,
  CASE kind WHEN 'pay' THEN 'p-' WHEN 'submit' THEN 'j-' WHEN 'status' THEN 'j-' WHEN 'forge' THEN 'f-'
    ELSE 's-' END || item,
  CASE WHEN kind = 'forge' THEN NULL ELSE 's-' || item END,
  CASE WHEN kind = 'refresh' THEN 'r-' || item || '-' || CASE WHEN k = 19 THEN CASE WHEN hot THEN 0 ELSE 2 END
      WHEN hot THEN 2 * m + k // 9 ELSE k // 9 END
    WHEN kind = 'pay' THEN CASE WHEN k = 10 THEN 'other' ELSE 'body' END || item
    WHEN kind = 'forge' THEN 'unsigned' END,
  CASE WHEN class <> 'ok' THEN NULL WHEN kind = 'login' THEN 'r-' || item || '-0'
    WHEN kind = 'refresh' THEN 'r-' || item || '-' || CASE WHEN hot THEN 2 * m + k // 9 + 1 ELSE k // 9 + 1 END
    WHEN kind = 'pay' THEN 'answer' || item WHEN kind = 'read' THEN 'u' || item
    WHEN kind = 'status' AND NOT hot AND k > 10 THEN 'out' END,
  CASE WHEN kind = 'read' THEN 'u' || item WHEN kind = 'status' THEN 'out' END,
  CASE WHEN class = 'ok' AND kind IN ('pay', 'submit') THEN item END,
  CASE WHEN kind <> 'status' THEN NULL WHEN hot THEN CASE WHEN k = 6 THEN i + 3 ELSE i END / 1e8
    WHEN k = 6 THEN 0.6 WHEN k = 8 THEN 0.3 ELSE 1 END,
  CASE WHEN kind <> 'status' THEN NULL WHEN hot OR k < 10 THEN 'running' ELSE 'done' END,
  CASE WHEN class = 'ok' THEN 'ok' WHEN class = 'error' THEN 'info' ELSE 'fail' END, class,
  CASE WHEN class <> 'error' THEN 'replica-' || i % 3 END, CASE WHEN class <> 'error' THEN 'boot-' || i % 3 END,
  CASE WHEN i % 2 = 0 THEN 'replica-' || i % 3 END, CASE WHEN i % 2 = 0 THEN 'hop' ELSE 'balancer' END,
  CASE WHEN class = 'error' THEN 'timeout' END,
  i * 1000, i * 1000 + CASE WHEN k = 6 THEN gap * 5 // 2 ELSE gap // 2 END
FROM answers"""

Cases = Mapping[str, tuple[list[str], list[dict[str, Any]]]]
"""Guilty histories by name, the rule first: their lines, and their effects."""

_PLANTED: dict[str, Cases] = {
    "session": {name: (lines, []) for name, lines in test_session.GUILTY.items()},
    "refresh": {name: (lines, []) for name, lines in test_refresh.GUILTY.items()},
    "idempotency": test_idempotency.GUILTY,
    "job": {name: case for name, case in test_job.GUILTY.items() if name != "fence went back"},
}

_NAMES = ("key", "session", "user", "arg", "value", "want", "given_id")


def fill_history(db: Connection, ops: int, shape: str) -> Expected:
    """Fills all tables with `ops` ops and some; returns the violations that are in them, by check and rule."""
    base = _SPREAD if shape == "spread" else _HOT
    kinds = "[" + ", ".join(f"'{kind}'" for kind in _KINDS) + "]"
    for start in range(0, ops, 1_000_000):
        rows = _ROWS.format(base=base.format(a=start, b=min(ops, start + 1_000_000)), kinds=kinds)
        named = f"SELECT * FROM ({rows}) t({_COLUMNS})"
        derived, values = ", ".join(DERIVED), ", ".join(DERIVED.values())
        db.execute(f"INSERT INTO op ({_COLUMNS}, {derived}) SELECT {_COLUMNS}, {values} FROM ({named})")
    db.execute("""INSERT INTO effect SELECT 'e' || row_number() OVER (), min(invoke_ns), key, key, 1,
        CASE workload WHEN 'idempotency' THEN 'payment' ELSE 'job' END, 0
        FROM op WHERE kind IN ('pay', 'submit') GROUP BY key, workload""")
    expected = plant(db, _PLANTED, _NAMES)
    _plant_fences(db, expected)
    if shape == "hot":
        _plant_hot(db, ops, expected)
    _others(db, ops, expected)
    return expected


def insert(db: Connection, rows: list[dict[str, Any]]) -> None:
    """Adds op rows after those that are there."""
    found = db.execute("SELECT max(id) FROM op").fetchone()
    first = (found[0] if found else 0) + 1
    for place, row in enumerate(rows):
        names = ["id", "agent", "op", *row]
        fill(db, "op", names, [[first + place, 0, first + place, *row.values()]])
    db.execute(f"UPDATE op SET {', '.join(f'{name} = {sql}' for name, sql in DERIVED.items())} WHERE id >= {first}")


def plant(db: Connection, planted: Mapping[str, Cases], names: Iterable[str]) -> Expected:
    """The guilty histories of the unit tests, each with the columns `names` made its own."""
    expected: Expected = {}
    rows: list[dict[str, Any]] = []
    for check, cases in planted.items():
        for number, (name, (lines, effects)) in enumerate(sorted(cases.items())):
            prefix = f"{check}{number}|"
            for line in lines:
                row = op(line)
                row.update({column: prefix + row[column] for column in names if row.get(column)})
                row["boot"] = None
                rows.append(row)
            for effect in effects:
                fill(db, "effect", list(effect), [{**effect, "reference": prefix + effect["reference"]}.values()])
            counts = expected.setdefault(check, {})
            rule = name.split(",")[0]
            counts[rule] = counts.get(rule, 0) + 1
    insert(db, rows)
    return expected


def _plant_fences(db: Connection, expected: Expected) -> None:
    """Fences are the provider's, so no op tells of them."""
    fences = [("fence", 1, 9), ("fence", 2, 8)]
    for key, at_ns, fence in fences:
        fill(db, "effect", ["effect", "at_ns", "reference", "key", "fence", "kind", "line"],
             [[f"{key}{at_ns}", at_ns, key, key, fence, "job", at_ns]])  # fmt: skip
    expected["job"]["fence went back"] = 1


def _plant_hot(db: Connection, ops: int, expected: Expected) -> None:
    """One violation of each kind on a hot item, in the middle of its traffic."""
    middle = ops // 2 * 1000 + 100
    at = {"client": 99, "phase": "load", "invoke_ns": middle, "return_ns": middle + 10, "boot": None}
    said = {**at, "outcome": "ok", "class": "ok"}
    rows: list[dict[str, Any]] = [
        {**at, "workload": "session", "kind": "read", "key": "s-1", "session": "s-1", "outcome": "fail",
         "class": "absent"},
        {**said, "workload": "job", "kind": "status", "key": "j-2", "state": "running", "number": 0.0},
        {**said, "workload": "idempotency", "kind": "pay", "key": "p-3", "arg": "body3", "value": "x"},
        {**said, "workload": "session", "kind": "refresh", "key": "s-4", "session": "s-4", "arg": "r-4-0",
         "value": "r-4-1"},
    ]  # fmt: skip
    insert(db, rows)
    db.execute(f"INSERT INTO effect VALUES ('twice', {middle}, 'p-5', 'p-5', 1, 'payment', 1)")
    for check, rule in (
        ("session", "lost"),
        ("job", "progress went back"),
        ("idempotency", "answers differ"),
        ("idempotency", "duplicate effect"),
        ("refresh", "ancestor accepted"),
    ):
        expected[check][rule] = expected[check].get(rule, 0) + 1


def _others(db: Connection, ops: int, expected: Expected) -> None:
    """What the small checks look for, far behind the load; faults that excuse what failed under it."""
    far = 10_000_000 * MS
    at = {"phase": "load", "invoke_ns": far + 10, "return_ns": far + 20, "boot": None, "session": None}
    rows: list[dict[str, Any]] = [
        {**at, "workload": "hostile", "kind": "forge", "key": "bad", "arg": "x", "outcome": "ok", "class": "ok"},
        {**at, "workload": "steady", "kind": "read", "key": "s", "expect": "ok", "outcome": "fail", "class": "absent",
         "phase": "steady"},
        {**at, "workload": "ids", "kind": "pay1", "key": "a", "given_id": "same", "outcome": "ok", "class": "ok"},
        {**at, "workload": "ids", "kind": "pay1", "key": "b", "given_id": "same", "outcome": "ok", "class": "ok"},
        {**at, "workload": "x", "kind": "y", "key": "g", "sent_to": "replica-9", "outcome": "info", "class": "error"},
    ]  # fmt: skip
    insert(db, rows)
    expected["hostile"] = {"accepted": 1}
    expected["steady"] = {"unexpected": 1}
    expected["unique_ids"] = {"given twice": 1}
    expected["graceful"] = {"failed at the stopping one": 1}
    db.execute(f"""INSERT INTO fault (fault, kind, role, target, boot, planned_s, injected_ns, landed_ns) VALUES
        (0, 'kill', 'replica', 'replica-8', 'z', 0, 0, 1),
        (1, 'stop', 'replica', 'replica-9', 'z', 0, {far}, {far + 5})""")
    db.execute(f"""INSERT INTO member SELECT 'replica-' || (10 + i), 'replica', 'z', s, {ops} * 10 * i + p
        FROM range(40) r(i), (VALUES ('stopping', 0), ('gone', 1000000)) v(s, p)""")
    db.execute(f"""INSERT INTO member VALUES ('replica-9', 'replica', 'z', 'stopping', {far}),
        ('replica-9', 'replica', 'z', 'gone', {far + 5})""")
    db.execute("""INSERT INTO summary SELECT 0, sum(n), 0, json_group_object(kind, n), 0 FROM (
        SELECT workload || '/' || kind AS kind, count(*) AS n FROM op
        WHERE error IS DISTINCT FROM 'open' GROUP BY workload, op.kind)""")
    db.execute(f"""INSERT INTO scrape (at_ns, replica, boot, series, count)
        SELECT {2 * far}, 'r', boot, '/a', count(*) + CASE WHEN boot = 'boot-1' THEN
        (SELECT count(*) + 1 FROM op WHERE boot IS NULL) ELSE 0 END FROM op WHERE boot IS NOT NULL GROUP BY boot""")
    expected["accounting"] = {"more than were sent": 1}
