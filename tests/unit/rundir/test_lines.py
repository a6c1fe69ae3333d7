"""Files of a line an event: written whole, and read whatever happened to them."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from harness import rundir
from harness.errors import EnvironmentFailure


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
    path.write_bytes(b'{"e": 1}\n[1]\n\nnull\n{"e": 2}\r\n\xff\n{"e": 3')
    assert rundir.events(path) == [{"e": 1}, {"e": 2}]
    assert rundir.events(tmp_path / "none") == []
