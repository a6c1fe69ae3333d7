from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.history import FaultFacts, Vocabulary, connect
from harness.history import build as build_with

VOCABULARY = Vocabulary(
    sessions={"*/login": "begin", "session/refresh": "renew", "session/logout": "end", "hostile/forge": "none"},
    faults={"kill": FaultFacts(rough=True, ends_life=True), "noop": FaultFacts(idle=True, single=False)},
    renamed={"sessions": "session"},
)


def build(folder: Path) -> duckdb.DuckDBPyConnection:
    return build_with(folder, VOCABULARY)


READ = {"e": "i", "at": 10, "n": 0, "c": 3, "w": "session", "k": "read", "p": "load", "key": "s1", "s": "s1",
        "want": "f", "x": ["ok", "absent"], "to": "replica-1", "rt": "hop", "it": 9}  # fmt: skip
DONE = {"e": "c", "at": 20, "n": 0, "o": "ok", "cl": "ok", "st": 200, "r": "replica-1", "b": "b1", "v": "f"}


def folder(path: Path, journal: list[Any] | bytes, **files: list[Any]) -> Path:
    path.mkdir(exist_ok=True)
    texts = {"run": [{"e": "declared", "at": 1, "run": "r", "scenario": "kill", "seed": 5}], **files}
    for name, events in texts.items():
        (path / f"{name}.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    lines = journal if isinstance(journal, bytes) else b"".join(json.dumps(event).encode() + b"\n" for event in journal)
    (path / "journal-0.jsonl").write_bytes(lines)
    return path


def test_an_op_has_all_its_fields(tmp_path: Path) -> None:
    db = build(folder(tmp_path / "run", [READ, DONE]))
    (row,) = db.execute("SELECT * FROM op").fetchall()
    names = [column[0] for column in db.description or []]
    assert dict(zip(names, row, strict=True)) == {
        "id": 0, "agent": 0, "op": 0, "client": 3, "workload": "session", "kind": "read", "phase": "load",
        "key": "s1", "session": "s1", "user": None, "arg": None, "value": "f", "want": "f", "expect": "ok,absent",
        "given_id": None, "number": None, "state": None, "outcome": "ok", "class": "ok", "status": 200, "error": None,
        "replica": "replica-1", "boot": "b1", "sent_to": "replica-1", "routing": "hop", "intended_ns": 9,
        "invoke_ns": 10, "return_ns": 20, "session_use": "read", "seen": "present",
    }  # fmt: skip


def test_an_op_that_never_completed_is_open_and_doubtful(tmp_path: Path) -> None:
    db = build(folder(tmp_path / "run", [READ]))
    assert db.execute("SELECT outcome, class, error, return_ns, seen FROM op").fetchall() == [
        ("info", "error", "open", None, None)
    ]


@pytest.mark.parametrize(
    ("kind", "label", "session", "seen"),
    [
        ("read", "ok", "s1", "present"),
        ("pay", "mismatch", "s1", "present"),
        ("pay", "absent", "s1", "absent"),
        ("read", "limited", "s1", None),
        ("read", "error", "s1", None),
        ("read", "ok", None, None),
        ("refresh", "ok", "s1", "present"),
        ("refresh", "refused", "s1", None),
        ("refresh", "absent", "s1", None),
        ("login", "ok", None, None),
    ],
)
def test_what_an_op_saw_of_its_session(tmp_path: Path, kind: str, label: str, session: str | None, seen: Any) -> None:
    outcome = {"ok": "ok", "error": "info"}.get(label, "fail")
    db = build(folder(tmp_path / "run", [{**READ, "k": kind, "s": session}, {**DONE, "cl": label, "o": outcome}]))
    assert db.execute("SELECT seen, session FROM op").fetchone() == (seen, "s1" if kind == "login" else session)


def test_a_forged_token_is_no_session_s(tmp_path: Path) -> None:
    db = build(
        folder(tmp_path / "run", [{**READ, "w": "hostile", "k": "forge"}, {**DONE, "cl": "absent", "o": "fail"}])
    )
    assert db.execute("SELECT seen FROM op").fetchone() == (None,)


def test_agents_are_merged_in_the_order_of_invokes(tmp_path: Path) -> None:
    run = folder(tmp_path / "run", [{**READ, "at": 30}, {**DONE, "at": 40}])
    lines = [{**READ, "at": 5}, {**DONE, "at": 6}, {**READ, "n": 1, "at": 30}]
    (run / "journal-7.jsonl").write_text("\n".join(map(json.dumps, lines)))
    rows = build(run).execute("SELECT id, agent, op, invoke_ns, return_ns FROM op ORDER BY id").fetchall()
    assert rows == [(0, 7, 0, 5, 6), (1, 0, 0, 30, 40), (2, 7, 1, 30, None)]


def lines(*events: Any) -> bytes:
    return b"".join(event if isinstance(event, bytes) else json.dumps(event).encode() + b"\n" for event in events)


@pytest.mark.parametrize(
    ("journal", "ops", "torn"),
    [
        (lines(READ, DONE) + b'{"e":"i","at":3', 1, [("journal-0.jsonl", 1, 0)]),
        (lines(READ, b"\x00\xff\xfe garbage\n", DONE), 1, [("journal-0.jsonl", 1, 1)]),
        (lines(READ, DONE, b"[1,2]\n", b"{}\n", b'{"e":"i","at":"x"}\n'), 1, [("journal-0.jsonl", 3, 2)]),
        (lines(READ, DONE, b"\n\n"), 1, []),
        (lines({**READ, "n": "x"}, DONE), 0, [
            ("journal-0.jsonl", 1, 1), ("journal: repeated or without an invoke", 1, 1)]),
        (lines(READ, {**READ, "at": 99}, DONE), 1, [("journal: repeated or without an invoke", 1, 1)]),
        (b"", 0, []),
    ],
)  # fmt: skip
def test_unusable_lines_are_counted_and_cost_nothing_else(tmp_path: Path, journal: bytes, ops: int, torn: Any) -> None:
    db = build(folder(tmp_path / "run", journal))
    assert db.execute("SELECT count(*), max(invoke_ns) FROM op").fetchone() == (ops, 10 if ops else None)
    assert db.execute("SELECT * FROM torn ORDER BY file").fetchall() == torn


@pytest.mark.thorough
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_garbage_anywhere_never_raises(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    run = folder(
        tmp_path_factory.mktemp("garbage") / "run",
        [READ, DONE, {**READ, "n": 1}],
        faults=[{"e": "intent", "at": 1, "fault": 0}],
    )
    for name in ("journal-0", "run", "faults", "metrics", "ledger"):
        path = run / f"{name}.jsonl"
        content = bytearray(path.read_bytes() if path.exists() else b"")
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=30))
        path.write_bytes(bytes(content))
    assert len(build(run).execute("SELECT * FROM op").fetchall()) <= 2


def test_the_small_files_are_loaded(tmp_path: Path) -> None:
    ledger = {"at": 4, "attempt": 1, "effect": "e1", "reference": "p1", "key": "k1", "fence": 2, "kind": "payment"}
    run = folder(
        tmp_path / "run",
        [READ, DONE, {"e": "lag", "at": 3, "ms": 1.5},
         {"e": "summary", "at": 9, "requests": 1, "failures": 0, "by_kind": {"session/read": 1}, "dropped": 0}],
        run=[
            {"e": "declared", "at": 1, "run": "r", "scenario": "kill", "title": "t", "seed": 5, "platform": "process",
             "command": "harness run", "started": "now", "defects": []},
            {"e": "phase", "at": 2, "name": "load"},
            {"e": "window", "at": 3, "start_ns": 3, "end_ns": 4},
            {"e": "problem", "at": 5, "kind": "guard", "text": "memory"},
            {"e": "ended", "at": 6, "how": "interrupted"},
        ],
        faults=[
            {"e": "intent", "at": 1, "fault": 0, "kind": "kill", "role": "replica", "target": "replica-1", "boot": "b1",
             "planned_s": 1.5, "undo": {"do": "none"}},
            {"e": "injected", "at": 2, "fault": 0}, {"e": "landed", "at": 3, "fault": 0, "how": "exit"},
            {"e": "healed", "at": 4, "fault": 0, "how": "ready"},
            {"e": "intent", "at": 5, "fault": 1, "kind": "stop"}, {"e": "failed", "at": 6, "fault": 1, "why": "gone"},
            {"e": "landed", "at": 7, "fault": 2, "stopped": ["replica-3", "replica-2", 4]},
        ],
        metrics=[
            {"e": "member", "at": 1, "name": "replica-1", "role": "replica", "boot": "b1", "state": "ready"},
            {"e": "scrape", "at": 2, "asked": 1, "replica": "replica-1", "boot": "b1", "series": {"/b": 2, "/a": 1.0}},
        ],
        ledger=[{"e": "attempt", **ledger}, {"e": "accepted", **ledger}],
    )  # fmt: skip
    db = build(run)

    def rows(table: str) -> list[Any]:
        return db.execute(f"SELECT * FROM {table}").fetchall()

    assert rows("declared") == [("r", "kill", "t", 5, "process", "harness run", "now", 1)]
    assert rows("phase") == [("load", 2)]
    assert rows("load_window") == [(3, 4)]
    assert rows("problem") == [("guard", "memory", 5), ("interrupted", "the run ended early: interrupted", 6)]
    assert rows("fault") == [
        (0, "kill", "replica", "replica-1", "b1", 1.5, 2, 3, 4, None, None, False, True, True, False, False, True),
        (1, "stop", None, None, None, None, None, None, None, 6, "gone", False, False, False, False, False, True),
        (2, None, None, None, None, None, None, 7, None, None, None, False, False, False, False, False, True),
    ]
    assert rows("fault_member") == [(2, "replica-2"), (2, "replica-3")]
    assert rows("member") == [("replica-1", "replica", "b1", "ready", 1)]
    assert rows("scrape") == [(1, 2, "replica-1", "b1", "/a", 1.0), (1, 2, "replica-1", "b1", "/b", 2.0)]
    assert rows("effect") == [("e1", 4, "p1", "k1", 2, "payment", 2)]
    assert [row[6] for row in rows("attempt")] == ["attempt", "accepted"]
    assert rows("lag") == [(3, 1.5)]
    assert rows("summary") == [(0, 1, 0, '{"session/read":1}', 0)]


def test_the_same_folder_gives_the_same_bytes_and_reads_back(tmp_path: Path) -> None:
    run = folder(tmp_path / "run", [{**READ, "n": n, "at": 10 + n % 3} for n in range(500)])
    rows = build(run).execute("SELECT * FROM op ORDER BY id").fetchall()
    first = (run / "history.parquet").read_bytes()
    build(run)
    assert (run / "history.parquet").read_bytes() == first
    parquet = duckdb.connect().execute(f"SELECT * FROM read_parquet('{run / 'history.parquet'}') ORDER BY id")
    assert parquet.fetchall() == rows


def test_a_folder_that_is_no_run_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        build(tmp_path / "none")
    (tmp_path / "run").mkdir()
    with pytest.raises(UsageError, match=r"has no run\.jsonl"):
        build(tmp_path / "run")
    (tmp_path / "run" / "run.jsonl").write_text("")
    with pytest.raises(UsageError, match=r"its load never began"):
        build(tmp_path / "run")


def test_its_temporary_files_go_with_the_connection() -> None:
    db = connect()
    row = db.execute("SELECT path FROM duckdb_databases() WHERE path IS NOT NULL").fetchone()
    assert row is not None
    place = Path(row[0]).parent
    assert place.is_dir()
    del db
    gc.collect()
    assert not place.exists()
