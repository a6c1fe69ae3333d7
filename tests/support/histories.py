"""Tiny literal histories: a line an op, times in milliseconds.

    history("session/login s1 ok 0-10", "session/read s1 absent 20-30 replica=replica-2")

`WORKLOAD/KIND KEY CLASS INVOKE-RETURN [column=value ...]`; a RETURN of `?` is an op that is still open. Ops of the
property `session` are authenticated by the session of their key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import duckdb

from harness.history.schema import OP_COLUMNS, SEEN, TABLES
from harness.judging.verdict import Result
from harness.scenario.questions import vocabulary

MS = 1_000_000
VOCABULARY = vocabulary()
_USE = VOCABULARY.session_use()
DERIVED = {"session_use": _USE, "seen": SEEN.replace("session_use", f"({_USE})")}
"""The columns of `op` that follow from the others, each as SQL over these."""
FAIL = ("absent", "refused", "in_progress", "mismatch", "missing", "limited", "no_effect")


def outcome_of(label: str) -> str:
    """As the harness classifies answers."""
    return "ok" if label == "ok" else "fail" if label in FAIL else "info"


def op(line: str) -> dict[str, Any]:
    """One op from its line."""
    what, key, label, times, *more = line.split()
    workload, kind = what.split("/")
    invoke, back = times.split("-")
    row: dict[str, Any] = {
        "client": 1,
        "workload": workload,
        "kind": kind,
        "phase": "load",
        "key": key,
        "class": label,
        "outcome": outcome_of(label),
        "invoke_ns": int(invoke) * MS,
        "return_ns": None if back == "?" else int(back) * MS,
        "error": "open" if back == "?" else None,
        "replica": "replica-1",
        "boot": "b1",
    }
    if workload == "session" or kind == "login":
        row["session"] = key
    row.update(part.split("=", 1) for part in more)
    for name, value in row.items():
        if value == "-":
            row[name] = None
    return row


_shared: list[duckdb.DuckDBPyConnection] = []


def _connection() -> duckdb.DuckDBPyConnection:
    """One connection for all tests of a process, emptied each time: opening one costs more than most tests."""
    if not _shared:
        db = duckdb.connect()
        db.execute("SET threads=1")
        for name, columns in TABLES.items():
            db.execute(f"CREATE TABLE {name} ({columns})")
        _shared.append(db)
    return _shared[0]


def fill(db: duckdb.DuckDBPyConnection, table: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Inserts rows with one statement."""
    values = ", ".join("(" + ", ".join(_literal(value) for value in row) + ")" for row in rows)
    if values:
        listed = ", ".join(f'"{name}"' for name in names)
        db.execute(f"INSERT INTO {table} ({listed}) VALUES {values}")


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int | float) else "'" + str(value).replace("'", "''") + "'"


def rows_history(rows: Sequence[Mapping[str, Any]], **tables: Sequence[Mapping[str, Any]]) -> duckdb.DuckDBPyConnection:
    """A history of op rows, and rows of other tables by name."""
    db = _connection()
    for name in TABLES:
        db.execute(f"DELETE FROM {name}")
    ordered = sorted(rows, key=lambda row: row["invoke_ns"])
    names = [name for name in OP_COLUMNS if name not in DERIVED]
    full = [
        [row.get(name, {"id": place, "op": place, "agent": 0}.get(name)) for name in names]
        for place, row in enumerate(ordered)
    ]
    fill(db, "op", names, full)
    db.execute(f"UPDATE op SET {', '.join(f'{name} = {sql}' for name, sql in DERIVED.items())}")
    for table, given in tables.items():
        for row in given:
            fill(db, table, list(row), [list(row.values())])
    return db


def history(*lines: str, **tables: Sequence[Mapping[str, Any]]) -> duckdb.DuckDBPyConnection:
    """A history of ops given as lines, and rows of other tables by name."""
    return rows_history([op(line) for line in lines], **tables)


def effect(reference: str, at: int, kind: str = "payment", fence: int | None = None) -> dict[str, Any]:
    """An accepted effect at `at` ms."""
    return {
        "effect": f"e-{reference}-{at}",
        "at_ns": at * MS,
        "reference": reference,
        "key": reference,
        "fence": fence,
        "kind": kind,
        "line": at,
    }


def fault(number: int, kind: str, at: int, landed: int | None, healed: int | None, **more: Any) -> dict[str, Any]:
    """A fault injected at `at` ms."""
    row = {
        "fault": number,
        "kind": kind,
        "role": "replica",
        "target": "replica-1",
        "boot": "b1",
        "planned_s": at / 1000,
        "injected_ns": at * MS,
        "landed_ns": None if landed is None else landed * MS,
        "healed_ns": None if healed is None else healed * MS,
        "failed": None,
        **asdict(VOCABULARY.faults[kind]),
    }
    return {**row, **more}


def told(result: Result | None) -> tuple[str, dict[str, int]]:
    """The verdict and the violations of a result."""
    assert result is not None
    return result.verdict.value, result.violations
