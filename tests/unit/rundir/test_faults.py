"""The record of faults: what was intended and not healed is found in it."""

from __future__ import annotations

from pathlib import Path

from harness.rundir.faults import FaultRecord, unhealed


def test_intents_without_a_healing_are_found_in_a_torn_record(tmp_path: Path) -> None:
    record = FaultRecord(tmp_path / "faults.jsonl")
    for number, undo in enumerate([{"do": "resume"}, {"do": "resume"}, {"do": "none"}], 1):
        record.write("intent", number, target="replica-1", undo=undo)
    record.write("healed", 1, how="seen")
    record.close()
    with (tmp_path / "faults.jsonl").open("ab") as file:
        file.write(b'{"e":"healed","fault":2')
    assert [line["fault"] for line in unhealed(tmp_path)] == [2]
    assert unhealed(tmp_path / "none") == []
