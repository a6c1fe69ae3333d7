"""What stands in a run folder and in no schema is named; what the schemas know is not."""

from __future__ import annotations

from pathlib import Path

from harness.doubles.ledger.book import Book, Order, Record
from harness.rundir import files, lines
from harness.rundir.record_schema import RECORDS
from tests.support import example_runs
from tests.support.undescribed import undescribed


def test_every_record_but_the_journals_has_a_schema() -> None:
    records = {file.name for file in files.FILES if file.name.endswith(".jsonl")}
    assert set(RECORDS) == records - {files.JOURNALS}


def test_every_key_has_a_sentence() -> None:
    sentences = [text for events in RECORDS.values() for keys in events.values() for text in keys.values()]
    assert [text for text in sentences if not (text[0].isupper() or text[0] == "`") or text[-1] != "."] == []


def test_a_whole_folder_of_known_files_is_described(tmp_path: Path) -> None:
    assert undescribed(example_runs.invalid(tmp_path)) == []


def test_what_nothing_describes_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_text('{"e":"phase","at":1,"name":"load","by":"x"}\n' * 2 + '{"e":"new","at":2}\n')
    (tmp_path / "journal-0.jsonl").write_text('{"e":"lag","at":1,"ms":2,"client":3}\n')
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "replica-1.log").touch()
    (tmp_path / "core").touch()
    assert undescribed(tmp_path) == [
        "core",
        "journal-0.jsonl: lag: client",
        "run.jsonl: phase: by",
        "run.jsonl: event new",
    ]


def test_all_that_the_ledger_records_is_described(tmp_path: Path) -> None:
    book = Book(Record(str(tmp_path / files.LEDGER)))
    for key, fence in (("a", 2), ("a", 2), ("b", 1)):
        book.take(Order("j-1", key, fence, "job", {}))
    book.fail_next = 1
    book.take(Order("j-2", "c", None, "payment", {}))
    events = {event["e"] for event in lines.events(tmp_path / files.LEDGER)[0]}
    assert events == set(RECORDS[files.LEDGER])
    assert undescribed(tmp_path) == []
