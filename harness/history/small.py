"""Load the small files of a run folder: run.jsonl, faults.jsonl, metrics.jsonl and the ledger's record."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import orjson

from harness.history.schema import LINES, TABLES, scratch
from harness.history.vocabulary import FaultFacts, Vocabulary
from harness.rundir import files
from harness.rundir.lines import Torn, clean, events

Connection = duckdb.DuckDBPyConnection
Event = dict[str, Any]

_LEDGER = (
    '{"e":"VARCHAR","at":"BIGINT","attempt":"BIGINT","effect":"VARCHAR","reference":"VARCHAR","key":"VARCHAR",'
    '"fence":"BIGINT","kind":"VARCHAR"}'
)


def load(db: Connection, folder: Path, vocabulary: Vocabulary) -> None:
    """Fill every table but `op`, `lag` and `summary`. A missing file counts as an empty one.

    Args:
        db: the connection that holds the tables.
        folder: the run folder.
        vocabulary: what the kinds of fault in the folder mean.
    """
    for name, fill in ((files.RUN, _run), (files.FAULTS, partial(_faults, vocabulary)), (files.METRICS, _metrics)):
        found, torn = events(folder / name)
        fill(db, found)
        count_torn(db, torn)
    _ledger(db, folder / files.LEDGER)


def count_torn(db: Connection, torn: Torn) -> None:
    """Add the unusable lines of a file to the table `torn`, if there are any."""
    if torn.lines:
        db.execute("INSERT INTO torn VALUES (?, ?, ?)", [torn.file, torn.lines, torn.inner])


def _insert(db: Connection, table: str, rows: Sequence[Sequence[object]]) -> None:
    """Insert rows; a value that does not fit its column becomes NULL, so that no odd field costs the verdict."""
    if not rows:
        return
    names = [column.split()[0].strip('"') for column in TABLES[table].split(", ")]
    kinds = [column.split()[1] for column in TABLES[table].split(", ")]
    shape = orjson.dumps(dict(zip(names, kinds, strict=True))).decode()
    with tempfile.NamedTemporaryFile(prefix=LINES, suffix=".jsonl", dir=scratch(db)) as part:
        for row in rows:
            part.write(orjson.dumps(dict(zip(names, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE))
        part.flush()
        db.execute(f"""INSERT INTO {table} SELECT unnest(json_transform(json, '{shape}'))
            FROM read_ndjson_objects('{part.name}', maximum_object_size=4194304)""")


def _run(db: Connection, found: list[Event]) -> None:
    of = _by_type(found)
    names = ("run", "scenario", "title", "seed", "platform", "command", "started", "at")
    _insert(db, "declared", [[e.get(name) for name in names] for e in of("declared")[:1]])
    _insert(db, "phase", [[e.get("name"), e["at"]] for e in of("phase")])
    _insert(db, "load_window", [[e.get("start_ns"), e.get("end_ns")] for e in of("window")[-1:]])
    problems = [[e.get("kind"), e.get("text"), e["at"]] for e in of("problem")]
    for event in of("ended"):
        if event.get("how") != "complete":
            problems.append([event.get("how"), f"the run ended early: {event.get('how')}", event["at"]])
    if not of("ended"):
        text = "run.jsonl breaks off before the end of the run; `harness recover` ends one that died"
        problems.append(["not_ended", text, max((event["at"] for event in found), default=0)])
    _insert(db, "problem", problems)


def _by_type(found: list[Event]) -> Any:
    return lambda kind: [event for event in found if event["e"] == kind]


def _faults(vocabulary: Vocabulary, db: Connection, found: list[Event]) -> None:
    rows: dict[int, dict[str, object]] = {}
    stopped: set[tuple[int, str]] = set()
    for event in found:
        number = event.get("fault")
        if type(number) is not int:
            continue
        row = rows.setdefault(number, {})
        if event["e"] == "intent":
            row.update({name: event.get(name) for name in ("kind", "role", "target", "boot", "planned_s")})
        elif event["e"] in ("injected", "landed", "healed"):
            row[f"{event['e']}_ns"] = event["at"]
        elif event["e"] == "failed":
            row["failed"] = event.get("why") or "no reason given"
            row["failed_ns"] = event["at"]
        members = event.get("stopped")
        if isinstance(members, list):
            stopped.update((number, name) for name in members if isinstance(name, str))
    for row in rows.values():
        row.update(asdict(vocabulary.faults.get(str(row.get("kind")), FaultFacts())))
    names = [column.split()[0] for column in TABLES["fault"].split(", ")][1:]
    _insert(db, "fault", [[number, *(rows[number].get(name) for name in names)] for number in sorted(rows)])
    _insert(db, "fault_member", sorted(stopped))


def _metrics(db: Connection, found: list[Event]) -> None:
    of = _by_type(found)
    _insert(
        db,
        "member",
        [[e.get("name"), e.get("role"), e.get("boot"), e.get("state"), e["at"]] for e in of("member")],
    )
    scrapes: list[list[object]] = []
    for event in of("scrape"):
        series = event.get("series")
        for name in sorted(series) if isinstance(series, dict) else ():
            scrapes.append(
                [
                    event.get("asked", event["at"]),
                    event["at"],
                    event.get("replica"),
                    event.get("boot"),
                    name,
                    series[name],
                ]
            )
    _insert(db, "scrape", scrapes)


def _ledger(db: Connection, source: Path) -> None:
    if not source.is_file():
        return
    with tempfile.NamedTemporaryFile(prefix=LINES, suffix=".jsonl", dir=scratch(db)) as whole:
        torn = clean(source, whole)  # type: ignore[arg-type]
        whole.flush()
        db.execute(f"""CREATE TABLE line AS
            SELECT unnest(json_transform(json, '{_LEDGER}')), row_number() OVER () AS line
            FROM read_ndjson_objects('{whole.name}', maximum_object_size=4194304)""")
    count_torn(db, torn)
    db.execute("""INSERT INTO effect SELECT effect, "at", reference, key, fence, kind, line
        FROM line WHERE e = 'accepted' ORDER BY line""")
    db.execute("""INSERT INTO attempt SELECT effect, "at", reference, key, fence, kind, e, attempt
        FROM line ORDER BY line""")
    db.execute("DROP TABLE line")
