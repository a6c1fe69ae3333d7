"""The tables of a history, and the bounded DuckDB connection that holds them.

Times (`*_ns`) are nanoseconds of CLOCK_MONOTONIC. An op that never completed has the outcome `info`, the class `error`,
the error `open` and no `return_ns`. The rules take every `info` op to return at infinity.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import weakref
from pathlib import Path

import duckdb

_OP = """
id BIGINT
agent INTEGER
op BIGINT
client BIGINT
workload VARCHAR
kind VARCHAR
phase VARCHAR
key VARCHAR
session VARCHAR
user VARCHAR
arg VARCHAR
value VARCHAR
want VARCHAR
expect VARCHAR
given_id VARCHAR
number DOUBLE
state VARCHAR
outcome VARCHAR
class VARCHAR
status INTEGER
error VARCHAR
replica VARCHAR
boot VARCHAR
sent_to VARCHAR
routing VARCHAR
intended_ns BIGINT
invoke_ns BIGINT
return_ns BIGINT
session_use VARCHAR
seen VARCHAR
"""

OP_COLUMNS: dict[str, str] = dict(line.split() for line in _OP.strip().splitlines())
"""Name and SQL type of each column of `op`. `session_use` says what the op does with its session
(`harness.history.vocabulary.SessionUse`), and `seen` what its answer shows of that session."""

_EFFECT = "effect VARCHAR, at_ns BIGINT, reference VARCHAR, key VARCHAR, fence BIGINT, kind VARCHAR"

TABLES: dict[str, str] = {
    "op": ", ".join(f'"{name}" {kind}' for name, kind in OP_COLUMNS.items()),
    "fault": "fault INTEGER, kind VARCHAR, role VARCHAR, target VARCHAR, boot VARCHAR, planned_s DOUBLE, "
    "injected_ns BIGINT, landed_ns BIGINT, healed_ns BIGINT, failed_ns BIGINT, failed VARCHAR, graceful BOOLEAN, "
    "rough BOOLEAN, ends_life BOOLEAN, renews BOOLEAN, idle BOOLEAN, single BOOLEAN",
    "fault_member": "fault INTEGER, name VARCHAR",
    "effect": f"{_EFFECT}, line BIGINT",
    "attempt": f"{_EFFECT}, event VARCHAR, attempt BIGINT",
    "member": "name VARCHAR, role VARCHAR, boot VARCHAR, state VARCHAR, at_ns BIGINT",
    "scrape": 'asked_ns BIGINT, at_ns BIGINT, replica VARCHAR, boot VARCHAR, series VARCHAR, "count" DOUBLE',
    "lag": "at_ns BIGINT, ms DOUBLE",
    "summary": "agent INTEGER, requests BIGINT, failures BIGINT, by_kind JSON, dropped BIGINT",
    "phase": "name VARCHAR, at_ns BIGINT",
    "problem": "kind VARCHAR, text VARCHAR, at_ns BIGINT",
    "load_window": "start_ns BIGINT, end_ns BIGINT",
    "declared": "run VARCHAR, scenario VARCHAR, title VARCHAR, seed BIGINT, platform VARCHAR, command VARCHAR, "
    "started VARCHAR, at_ns BIGINT",
    "torn": "file VARCHAR, lines BIGINT, inner_lines BIGINT",
}
"""Name of each table and its columns. `torn.inner_lines` counts the malformed lines before the last line of a file: a
kill may leave a torn last line, but any other malformed line is damage. `effect.line` keeps the ledger's own order.
`fault_member` names the members that a fault without a single target stopped gracefully. The boolean columns of
`fault` are the facts of the fault's kind (`harness.history.vocabulary.FaultFacts`)."""

SEEN = """CASE
  WHEN session IS NULL OR session_use IN ('none', 'begin') THEN NULL
  WHEN session_use = 'renew' THEN CASE WHEN class = 'ok' THEN 'present' END
  WHEN class IN ('ok', 'in_progress', 'mismatch', 'missing') THEN 'present'
  WHEN class = 'absent' THEN 'absent' END"""
"""What an op saw of the session that it was sent with, as SQL over the other columns of `op`.

An answer that says anything about the thing asked for was given to a client whom the service took for logged in. A rate
limiter may turn an op away before the service looks at the session, so that `limited` and `refused` show nothing."""

SCRATCH = "harness-history-"
"""How the name of a connection's temporary folder begins; `harness recover` removes the folders of dead processes."""

LINES = "lines-"
"""How the name of a temporary file begins that holds usable lines on their way into the database."""

_connections = "memory_limit='700MB'", "threads=2", "preserve_insertion_order=true"


def connect() -> duckdb.DuckDBPyConnection:
    """Return a new connection to an empty database, whose files are removed when the connection is."""
    folder = Path(tempfile.mkdtemp(prefix=SCRATCH))
    # The kernel releases the lock when this process dies, so that `harness recover` knows that the folder is unused.
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX)
    db = duckdb.connect(str(folder / "history.duckdb"))
    for setting in _connections:
        db.execute(f"SET {setting}")
    db.execute(f"SET temp_directory='{folder / 'spill'}'")
    db.execute("SET enable_progress_bar=false")
    weakref.finalize(db, _discard, folder, lock)
    return db


def _discard(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


def scratch(db: duckdb.DuckDBPyConnection) -> str | None:
    """Return the folder of a connection's files, for further temporary files; None for a database in memory."""
    row = db.execute("SELECT path FROM duckdb_databases() WHERE NOT internal").fetchone()
    return str(Path(row[0]).parent) if row and row[0] else None


def create_tables(db: duckdb.DuckDBPyConnection, *names: str) -> None:
    """Create empty tables.

    Args:
        db: the connection.
        names: the names of the tables; all tables when none is named.
    """
    for name in names or TABLES:
        db.execute(f"CREATE TABLE {name} ({TABLES[name]})")
