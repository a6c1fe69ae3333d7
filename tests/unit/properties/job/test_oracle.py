"""Progress of jobs against brute force over small random histories: the same verdict for every job."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.properties.job import check as job
from tests.support.histories import rows_history
from tests.support.oracles import ITEMS, QUICK, guilty, lengths, row, times

READS = st.tuples(st.sampled_from(["ok", "ok", "ok", "error"]), times, lengths, st.integers(0, 4))


@QUICK
@given(st.lists(st.lists(READS, max_size=7), min_size=ITEMS, max_size=ITEMS))
def test_progress(items: list[Any]) -> None:
    histories = {
        f"j{number}": [
            row("job", "status", f"j{number}", label, at, took, number=shown, state="running")
            for label, at, took, shown in ops
        ]
        for number, ops in enumerate(items)
    }
    db = rows_history([each for rows in histories.values() for each in rows])
    job.check(db, job.Criteria())
    broken = {
        name
        for name, rows in histories.items()
        for early in rows
        for late in rows
        if early["outcome"] == late["outcome"] == "ok"
        and early["return_ns"] < late["invoke_ns"]
        and late["number"] < early["number"]
    }
    assert guilty(db) == broken
