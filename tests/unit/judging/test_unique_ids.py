"""Unique ids: no id is given twice."""

from __future__ import annotations

import pytest

from harness.judging import unique_ids
from harness.judging.criteria import Terms
from tests.support.histories import history, told

TERMS = Terms()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["payments/pay p1 ok 0-1 given_id=i", "payments/pay p2 ok 0-1 given_id=i"], ("invalid", {"given twice": 1})),
        (["payments/pay p1 ok 0-1 given_id=i", "payments/pay p1 ok 0-1 given_id=i"], ("valid", {})),
        (["payments/pay p1 ok 0-1 given_id=i", "jobs/submit j1 ok 0-1 given_id=i"], ("valid", {})),
        (["payments/pay p1 ok 0-1"], ("unknown", {})),
    ],
)
def test_unique_ids(lines: list[str], expected: tuple[str, dict[str, int]]) -> None:
    assert told(unique_ids.check(history(*lines), TERMS)) == expected


def test_the_witness_of_an_id_given_twice_holds_both() -> None:
    db = history(
        "jobs/submit j2 ok 0-1 given_id=i", "jobs/submit j1 ok 2-3 given_id=i", "jobs/submit j3 ok 4-5 given_id=k"
    )
    (witness,) = unique_ids.check(db, TERMS).witnesses
    assert (witness.key, [op["id"] for op in witness.ops]) == ("j1", [0, 1])
