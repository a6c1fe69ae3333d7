from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.judging.verdict import Verdict
from harness.properties.job import check as job
from tests.support.histories import effect, history, told

TERMS = job.Criteria()
SUBMIT = "job/submit j1 ok 0-10 arg=x given_id=i1"
DONE = "job/status j1 ok 90-99 arg=x state=done value=out want=out number=1"
CANCEL = "job/cancel j1 ok 20-30 state=cancelled"
RAN = [effect("j1", 50, "job", 1)]

GUILTY: dict[str, tuple[list[str], list[dict[str, Any]]]] = {
    "lost": ([SUBMIT, "job/status j1 missing 20-30"], []),
    "unfinished": ([SUBMIT, "job/status j1 ok 90-99 state=running phase=final"], []),
    "failed": ([SUBMIT, "job/status j1 ok 90-99 state=failed want=out"], []),
    "wrong output": ([SUBMIT, DONE.replace("value=out", "value=bad")], RAN),
    "output changed": (
        [SUBMIT, "job/status j1 ok 80-85 state=done value=a", "job/status j1 ok 90-99 state=done value=b"],
        RAN,
    ),
    "output changed, since before the faults": (
        [
            "job/submit j0 ok 0-1 arg=x phase=steady",
            "job/status j0 ok 2-3 arg=x state=done value=a phase=steady",
            SUBMIT,
            "job/status j1 ok 90-99 arg=x state=done value=b",
        ],
        [*RAN, effect("j0", 1, "job")],
    ),
    "progress went back": (
        [
            SUBMIT,
            "job/status j1 ok 20-30 state=running number=0.5",
            "job/status j1 ok 31-40 state=running number=0.4",
        ],
        [],
    ),
    "progress went back, behind others": (
        [
            SUBMIT,
            "job/status j1 ok 20-30 number=0.5 state=running",
            "job/status j1 ok 21-90 number=0.1 state=running",
            "job/status j1 ok 31-40 number=0.4 state=running",
        ],
        [],
    ),
    "terminal state left": ([SUBMIT, DONE, "job/status j1 ok 100-110 state=running"], RAN),
    "terminal state left, for the other": (
        [SUBMIT, "job/status j1 ok 90-99 state=done", "job/status j1 ok 100-110 state=failed"],
        RAN,
    ),
    "terminal state left, after a cancel": (
        [SUBMIT, CANCEL, "job/status j1 ok 31-40 state=running number=0.1"],
        [],
    ),
    "done though cancelled": ([SUBMIT, CANCEL], RAN),
    "done though cancelled, as a status said": ([SUBMIT, "job/status j1 ok 20-30 state=cancelled"], RAN),
    "duplicate effect": ([SUBMIT, DONE], [*RAN, effect("j1", 60, "job", 2)]),
    "done without effect": ([SUBMIT, DONE], []),
    "fence went back": (
        [SUBMIT, "job/status j1 ok 20-30 state=running"],
        [effect("j1", 50, "job", 2), effect("j1", 60, "job", 1)],
    ),
    "submitted twice": ([SUBMIT, "job/submit j1 ok 11-20 given_id=i2", DONE], RAN),
}


@pytest.mark.parametrize("name", GUILTY)
def test_guilty(name: str) -> None:
    lines, effects = GUILTY[name]
    rule = name.split(",")[0]
    terms = replace(TERMS, deduplicates=rule != "fence went back")
    result = job.check(history(*lines, effect=effects), terms)
    assert told(result) == ("invalid", {rule: 1})


INNOCENT: dict[str, tuple[list[str], list[dict[str, Any]]]] = {
    "done": ([SUBMIT, DONE, "job/status j1 ok 200-210 state=done value=out want=out phase=final"], RAN),
    "missing before it was acknowledged": (["job/status j1 missing 5-30", SUBMIT, DONE], RAN),
    "unfinished before quiet": ([SUBMIT, "job/status j1 ok 90-99 state=running"], []),
    "doubtful submit that never ran": (["job/submit j1 error 0-10", "job/status j9 ok 20-30 state=running"], []),
    "doubtful submit that ran": (["job/submit j1 error 0-10", "job/status j9 ok 20-30 state=running"], RAN),
    "progress of overlapping reads": (
        [
            SUBMIT,
            "job/status j1 ok 20-30 number=0.5 state=running",
            "job/status j1 ok 30-40 number=0.4 state=running",
        ],
        [],
    ),
    "progress of a doubtful read": (
        [SUBMIT, "job/status j1 error 20-30 number=0.5", "job/status j1 ok 31-40 number=0.4 state=running"],
        [],
    ),
    "terminal state read beside another": ([SUBMIT, DONE, "job/status j1 ok 99-110 state=running"], RAN),
    "failed where no output is promised": ([SUBMIT, "job/status j1 ok 90-99 state=failed phase=final"], []),
    "outputs that differed before the faults": (
        [
            "job/status j0 ok 2-3 arg=x state=done value=a phase=steady",
            "job/status j8 ok 2-3 arg=x state=done value=b phase=steady",
            SUBMIT,
            "job/status j1 ok 90-99 arg=x state=done value=c",
        ],
        [*RAN, effect("j0", 1, "job"), effect("j8", 1, "job")],
    ),
    "cancelled, and read so": ([SUBMIT, CANCEL, "job/status j1 ok 40-50 state=cancelled phase=final"], []),
    "read running while it was cancelled": ([SUBMIT, CANCEL, "job/status j1 ok 29-40 state=running number=0.2"], []),
    "too late to cancel": ([SUBMIT, "job/cancel j1 refused 20-30", DONE], RAN),
    "doubtful cancel": ([SUBMIT, "job/cancel j1 error 20-30", DONE], RAN),
    "fences that rise": ([SUBMIT, DONE], [effect("j1", 50, "job", 2)]),
    "refused for its session": ([SUBMIT, DONE, "job/status j1 absent 200-210 phase=final"], RAN),
}


@pytest.mark.parametrize("name", INNOCENT)
def test_innocent(name: str) -> None:
    lines, effects = INNOCENT[name]
    db = history(*lines, "job/submit j7 ok 0-1", effect=effects)
    assert told(job.check(db, TERMS)) == ("valid", {})


def test_effects_are_judged_only_where_they_can_be_seen() -> None:
    db = history(SUBMIT, DONE)
    assert told(job.check(db, replace(TERMS, effects="nowhere"))) == ("valid", {})
    db = history(SUBMIT, DONE, effect=[*RAN, effect("j1", 60, "job", 1)])
    assert told(job.check(db, replace(TERMS, deduplicates=False))) == ("valid", {})


def test_the_witness_of_progress_holds_both_reads() -> None:
    lines, _ = GUILTY["progress went back, behind others"]
    (witness,) = job.check(history(*lines), TERMS).witnesses
    numbers = [op["number"] for op in witness.ops]
    assert numbers == [None, 0.5, 0.1, 0.4]
    assert witness.text == "j1: showed less progress than had been read before"


STATES = ["running", "done", "failed", "cancelled"]
READS = st.lists(st.tuples(st.integers(20, 40), st.integers(1, 12), st.sampled_from(STATES)), min_size=1, max_size=6)


def left_terminal(reads: list[tuple[int, int, str]]) -> bool:
    """By the definition: some terminal state had been returned before another state was asked for and read."""
    return any(
        first != "running" and later != first and at + took < asked
        for at, took, first in reads
        for asked, _, later in reads
    )


@pytest.mark.thorough
@settings(max_examples=150, deadline=None)
@given(READS, st.booleans())
def test_terminal_states_against_brute_force(reads: list[tuple[int, int, str]], ran: bool) -> None:
    """Every read of `cancelled` as a cancel or as a status; an effect is there or not."""
    lines = [
        f"job/{'cancel' if state == 'cancelled' and at % 2 else 'status'} j1 ok {at}-{at + took} state={state}"
        for at, took, state in reads
    ]
    found = job.check(history(SUBMIT, *lines, "job/status j1 absent 90-91", effect=RAN if ran else []), TERMS)
    states = {state for _, _, state in reads}
    expected = {"terminal state left"} if left_terminal(reads) else set()
    expected |= {"done though cancelled"} if ran and "cancelled" in states else set()
    expected |= {"done without effect"} if not ran and "done" in states else set()
    assert set(found.violations) == expected


def test_nothing_examined_is_unknown() -> None:
    result = job.check(history(SUBMIT), TERMS)
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "1 jobs were acknowledged and 0 states read: nothing to judge"
