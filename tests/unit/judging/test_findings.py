"""What every check says of its evidence, and of the rate of violations that it could have missed."""

from __future__ import annotations

from harness.judging import steady, unique_ids
from harness.judging.criteria import Terms
from harness.properties.hostile import check as hostile
from harness.properties.job import check as job
from tests.support.histories import effect, fault, history

TERMS = Terms()


def test_steady_and_unique_ids_show_what_they_looked_at() -> None:
    db = history(
        "sessions/read s1 ok 0-10 phase=steady expect=ok",
        "jobs/submit j1 ok 0-1 phase=steady expect=ok given_id=a",
        "jobs/submit j2 ok 0-1 given_id=b replica=replica-2",
        fault=[fault(0, "kill", 1, 2, 3)],
    )
    result = steady.check(db, TERMS)
    assert (result.evidence, result.could_have_missed) == ({"kinds": "jobs/submit, sessions/read"}, "")
    assert unique_ids.check(db, TERMS).evidence == {"ids": 2, "replicas_that_gave_them": 2}


def test_only_landed_faults_that_matter_bound_what_was_missed() -> None:
    faults = [
        *(fault(number, "kill", 1, 2, 3) for number in range(4)),
        *(fault(number, "kill", 1, 2, 3, role="worker") for number in range(4, 6)),
        fault(6, "noop", 1, 2, 3),
        fault(7, "kill", 1, None, None, failed="not seen"),
    ]
    lines = [
        "payments/pay p1 ok 0-1 given_id=i",
        "jobs/submit j1 ok 0-1 given_id=j",
        "jobs/status j1 ok 2-3 state=done",
        "hostile/forge a absent 0-1 arg=unsigned",
    ]
    db = history(*lines, fault=faults, effect=[effect("j1", 1, "job")])
    told_of = "no violation in 4 independent replica faults: rate below 0.75 each with 95 %"
    assert unique_ids.check(db, TERMS).could_have_missed == told_of
    assert hostile.check(db, TERMS).could_have_missed.endswith(told_of)
    assert job.check(db, TERMS).could_have_missed == (
        "no violation in 6 independent replica or worker faults: rate below 0.5 each with 95 %"
    )
    few = history(lines[0], fault=faults[:1])
    assert unique_ids.check(few, TERMS).could_have_missed == (
        "1 replica fault landed: too few to bound the rate of a violation"
    )
