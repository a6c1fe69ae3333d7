"""What every check says of what it could have missed, and of the ops that show a violation."""

from __future__ import annotations

import pytest

from harness.judging import unique_ids
from harness.judging.criteria import Criteria
from harness.judging.findings import Findings
from harness.properties.hostile import check as hostile
from harness.properties.job import check as job
from tests.support.histories import effect, fault, history


def test_only_landed_faults_that_matter_bound_what_was_missed() -> None:
    faults = [
        *(fault(number, "kill", 1, 2, 3) for number in range(4)),
        *(fault(number, "kill", 1, 2, 3, role="worker") for number in range(4, 6)),
        fault(6, "noop", 1, 2, 3),
        fault(7, "kill", 1, None, None, failed="not seen"),
    ]
    lines = [
        "idempotency/pay p1 ok 0-1 given_id=i",
        "job/submit j1 ok 0-1 given_id=j",
        "job/status j1 ok 2-3 state=done",
        "hostile/forge a absent 0-1 arg=unsigned",
    ]
    db = history(*lines, fault=faults, effect=[effect("j1", 1, "job")])
    told_of = "no violation in 4 independent replica faults: rate below 0.75 each with 95 %"
    assert unique_ids.check(db, Criteria()).could_have_missed == told_of
    assert hostile.check(db, hostile.Criteria()).could_have_missed.endswith(told_of)
    assert job.check(db, job.Criteria()).could_have_missed == (
        "no violation in 6 independent replica or worker faults: rate below 0.5 each with 95 %"
    )
    few = history(lines[0], fault=faults[:1])
    assert unique_ids.check(few, Criteria()).could_have_missed == (
        "1 replica fault landed: too few to bound the rate of a violation"
    )


ROWS = "SELECT key AS item, min(invoke_ns) AS at_ns, [min(id)] AS ops FROM own GROUP BY key"


def test_a_check_sees_the_ops_of_its_property_alone() -> None:
    db = history("cart/add k1 ok 0-1", "wishlist/add k2 ok 0-1", "wishlist/add k3 ok 0-1")
    found = Findings(db, "wishlist", "holds", {"it's lost": "gone"}, of="wishlist")
    found.count({"adds": "count(*)"})
    assert not found.any()
    found.add("it's lost", ROWS)
    assert found.any()
    result = found.conclude()
    assert (result.examined, result.violations) == ({"adds": 2}, {"it's lost": 2})
    assert [witness.key for witness in result.witnesses] == ["k2", "k3"]


def test_a_violation_of_a_rule_that_the_check_does_not_have_is_a_mistake_of_the_check() -> None:
    found = Findings(history("cart/add k1 ok 0-1"), "cart", "holds", {"lost": "gone"})
    with pytest.raises(KeyError, match="vanished"):
        found.add("vanished", ROWS)
