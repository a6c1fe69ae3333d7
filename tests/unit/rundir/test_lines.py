"""The tolerant reader: what is an event, what is torn, and what is damage."""

from __future__ import annotations

import io
from pathlib import Path

import orjson
import pytest

from harness import rundir
from harness.errors import EnvironmentFailure
from harness.rundir.journal_schema import accepts
from harness.rundir.lines import LONGEST_LINE, Torn, clean, events

GOOD = b'{"e":"a","at":1}'


@pytest.mark.parametrize(
    ("content", "kept", "lines", "inner"),
    [
        (b"", 0, 0, 0),
        (GOOD + b"\n", 1, 0, 0),
        (GOOD, 1, 0, 0),
        (GOOD + b"\r\n\n  \n" + GOOD + b"\n", 2, 0, 0),
        (GOOD + b"\n" + GOOD[:9], 1, 1, 0),
        (GOOD[:9] + b"\n" + GOOD + b"\n", 1, 1, 1),
        (b'[1]\nnull\n{"e":1,"at":1}\n{"e":"a"}\n{"e":"a","at":1.5}\n{"e":"a","at":true}\n\xff', 0, 7, 6),
        (b'{"e":"a","at":1,"x":"' + b"x" * LONGEST_LINE + b'"}\n' + GOOD, 1, 1, 1),
    ],
)
def test_both_ways_to_read_agree(tmp_path: Path, content: bytes, kept: int, lines: int, inner: int) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    into = io.BytesIO()
    assert clean(path, into) == Torn("x.jsonl", lines, inner)
    found, torn = events(path)
    assert (found, torn) == ([{"e": "a", "at": 1}] * kept, Torn("x.jsonl", lines, inner))
    assert into.getvalue().count(b"\n") == kept


def test_a_file_that_is_not_there_has_no_events(tmp_path: Path) -> None:
    assert events(tmp_path / "none.jsonl") == ([], Torn("none.jsonl"))


def test_what_is_not_accepted_counts_as_unusable(tmp_path: Path) -> None:
    path = tmp_path / "journal-0.jsonl"
    path.write_bytes(b'{"e":"i","at":1,"n":0}\n{"e":"c","at":2,"n":0,"o":"ok","cl":"ok"}\n')
    into = io.BytesIO()
    assert clean(path, into, accepts) == Torn("journal-0.jsonl", 1, 1)
    assert into.getvalue() == b'{"e":"c","at":2,"n":0,"o":"ok","cl":"ok"}\n'


def test_a_record_is_one_line_an_event(tmp_path: Path):
    record = rundir.Record(tmp_path / "run.jsonl")
    assert record.write("a", 5, text="x\ny") == 5
    assert record.write("b") > 5
    record.close()
    record.close()
    lines = [orjson.loads(line) for line in (tmp_path / "run.jsonl").read_bytes().splitlines()]
    assert lines[0] == {"e": "a", "at": 5, "text": "x\ny"}
    assert [event["e"] for event in rundir.events(tmp_path / "run.jsonl")] == ["a", "b"]
    rundir.Record(tmp_path / "run.jsonl").write("c")
    assert len(rundir.events(tmp_path / "run.jsonl")) == 3, "a record goes on, it never begins again"


def test_a_full_disk_is_said():
    record = rundir.Record(Path("/dev/full"))
    with pytest.raises(EnvironmentFailure, match=r"/dev/full: cannot be written: .*Free some space"):
        record.write("a")


def test_events_of_damaged_and_missing_files(tmp_path: Path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"e":"a","at":1}\n[1]\n\nnull\n{"e":"b"}\n{"e":"c","at":2}\r\n\xff\n{"e":"d"')
    assert rundir.events(path) == [{"e": "a", "at": 1}, {"e": "c", "at": 2}]
    assert rundir.events(tmp_path / "none") == []
