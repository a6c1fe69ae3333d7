"""Build the tables of a history from the .jsonl files of a run folder.

Every line is checked before DuckDB sees it, so that garbage in a file costs its own lines and nothing else. The ops are
ordered by (invoke_ns, agent, op), so that the same folder gives the same rows, ids and bytes.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import duckdb
import orjson

from harness.errors import UsageError
from harness.history import small
from harness.history.schema import LINES, OP_COLUMNS, SEEN, connect, create_tables, scratch
from harness.history.vocabulary import Vocabulary
from harness.rundir import files
from harness.rundir.journal_schema import COMPLETE, INVOKE, SHAPE, accepts, columns
from harness.rundir.lines import Torn, clean

Connection = duckdb.DuckDBPyConnection

_JOIN = """
CREATE TABLE joined AS
SELECT i.* REPLACE (
    {name} AS workload, coalesce(i.client, -1) AS client, coalesce(i.phase, 'load') AS phase,
    array_to_string(i.expect, ',') AS expect, CASE WHEN {use} = 'begin' THEN i.key ELSE i.session END AS session),
  c.* EXCLUDE (agent, op) REPLACE (
    coalesce(c.outcome, 'info') AS outcome, coalesce(c.class, 'error') AS class,
    CASE WHEN c.op IS NULL THEN 'open' ELSE c.error END AS error)
FROM (SELECT agent, {invoke} FROM event WHERE e = '{i}') i
LEFT JOIN (SELECT agent, {complete} FROM event WHERE e = '{c}') c ON i.agent = c.agent AND i.op = c.op"""


def build(folder: Path, vocabulary: Vocabulary) -> Connection:
    """Build all tables of the run in `folder`, and write `history.parquet` into the folder.

    Args:
        folder: a run folder.
        vocabulary: what the names of ops and faults in the folder mean.

    Returns:
        The connection that holds the tables.

    Raises:
        UsageError: `folder` is no run folder, or the load never began in it.
    """
    journals = _journals(folder)
    db = connect()
    create_tables(db)
    small.load(db, folder, vocabulary)
    _events(db, journals)
    _summaries(db, vocabulary)
    _ops(db, vocabulary)
    target = folder / files.HISTORY
    part = folder / f"{files.HISTORY}.part"
    db.execute(f"COPY (SELECT * FROM op ORDER BY id) TO {_quoted(part)} (FORMAT parquet, COMPRESSION zstd)")
    part.replace(target)
    return db


def _journals(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; give a run folder, such as reports/kill/latest")
    if not (folder / files.RUN).is_file():
        raise UsageError(f"{folder} has no run.jsonl, so it is not a run folder; give one that a run wrote")
    found = files.journals(folder)
    if not found:
        raise UsageError(f"{folder} has no journal-*.jsonl: its load never began; run the scenario again")
    return found


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _agent(path: Path, position: int) -> int:
    number = re.fullmatch(r"journal-.*?(\d{1,6})\.jsonl", path.name)
    return int(number[1]) if number else position


def _events(db: Connection, journals: list[Path]) -> None:
    """Load the usable lines of the journals into the table `event`, and the lag from these into the table `lag`."""
    numbers = [_agent(path, position) for position, path in enumerate(journals)]
    if len(set(numbers)) < len(numbers):
        numbers = list(range(len(journals)))
    for first, (path, agent) in enumerate(zip(journals, numbers, strict=True)):
        with tempfile.NamedTemporaryFile(prefix=LINES, suffix=".jsonl", dir=scratch(db)) as whole:
            torn = clean(path, whole, accepts)  # type: ignore[arg-type]
            whole.flush()
            rows = f"""SELECT {agent}::INTEGER AS agent, unnest(json_transform(json, '{SHAPE}'))
                FROM read_ndjson_objects({_quoted(Path(whole.name))}, maximum_object_size=4194304)"""
            db.execute(f"INSERT INTO event {rows}" if first else f"CREATE TABLE event AS {rows}")
        small.count_torn(db, torn)
    db.execute("""INSERT INTO lag SELECT "at", ms FROM event
        WHERE e = 'lag' AND ms IS NOT NULL ORDER BY "at", ms""")


def _summaries(db: Connection, vocabulary: Vocabulary) -> None:
    """Fill the table `summary` with Locust's counts by `property/kind`, under the names that properties have today."""
    rows = db.execute("""SELECT agent, requests, failures, by_kind, dropped
        FROM event WHERE e = 'summary' ORDER BY agent, "at" ASC""").fetchall()
    for agent, requests, failures, by_kind, dropped in rows:
        counted = orjson.loads(by_kind) if by_kind else None
        if isinstance(counted, dict):
            by_kind = orjson.dumps({vocabulary.today(place): count for place, count in counted.items()}).decode()
        db.execute("INSERT INTO summary VALUES (?, ?, ?, ?, ?)", [agent, requests, failures, by_kind, dropped])


def _ops(db: Connection, vocabulary: Vocabulary) -> None:
    _drop_repeated(db)
    name = vocabulary.name("i.workload")
    use = vocabulary.session_use(f"({name})", "i.kind")
    columns_of = {"invoke": columns(INVOKE), "complete": columns(COMPLETE)}
    db.execute(_JOIN.format(name=name, use=use, i=INVOKE, c=COMPLETE, **columns_of))
    names = ", ".join(f'"{name}"' for name in OP_COLUMNS if name not in ("id", "session_use", "seen"))
    db.execute(f"""INSERT INTO op SELECT *, {SEEN} AS seen FROM (
        SELECT row_number() OVER (ORDER BY invoke_ns, agent, op) - 1 AS id, {names},
          {vocabulary.session_use()} AS session_use
        FROM joined) ORDER BY invoke_ns, agent, op""")
    db.execute("DROP TABLE joined")
    db.execute("DROP TABLE event")


def _drop_repeated(db: Connection) -> None:
    """Count as damage every op number that is used twice, or completed without an invoke.

    Of a number that is used twice, only the first line is kept.
    """
    repeated = "SELECT agent, e, n FROM event WHERE e IN ('i', 'c') GROUP BY ALL HAVING count(*) > 1"
    orphan = """SELECT agent, n FROM event WHERE e = 'c'
        EXCEPT SELECT agent, n FROM event WHERE e = 'i'"""
    twice = db.execute(f"SELECT count(*) FROM ({repeated})").fetchone()
    if twice and twice[0]:
        db.execute("""CREATE TABLE first AS SELECT * FROM event QUALIFY e NOT IN ('i', 'c')
            OR row_number() OVER (PARTITION BY agent, e, n ORDER BY "at", rowid) = 1""")
        db.execute("DROP TABLE event")
        db.execute("ALTER TABLE first RENAME TO event")
    lost = db.execute(f"SELECT count(*) FROM ({orphan})").fetchone()
    damaged = (twice[0] if twice else 0) + (lost[0] if lost else 0)
    if damaged:
        small.count_torn(db, Torn("journal: repeated or without an invoke", damaged, damaged))
