"""unique_ids: no id is given twice."""

from __future__ import annotations

import pytest

from harness.judging import unique_ids
from harness.judging.criteria import Criteria
from tests.support.histories import history, told

CRITERIA = Criteria()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            ["idempotency/pay p1 ok 0-1 given_id=i", "idempotency/pay p2 ok 0-1 given_id=i"],
            ("invalid", {"given twice": 1}),
        ),
        (["idempotency/pay p1 ok 0-1 given_id=i", "idempotency/pay p1 ok 0-1 given_id=i"], ("valid", {})),
        (["idempotency/pay p1 ok 0-1 given_id=i", "job/submit j1 ok 0-1 given_id=i"], ("valid", {})),
        (["idempotency/pay p1 ok 0-1"], ("unknown", {})),
    ],
)
def test_unique_ids(lines: list[str], expected: tuple[str, dict[str, int]]) -> None:
    assert told(unique_ids.check(history(*lines), CRITERIA)) == expected


def test_the_witness_of_an_id_given_twice_holds_both() -> None:
    db = history(
        "job/submit j2 ok 0-1 given_id=i", "job/submit j1 ok 2-3 given_id=i", "job/submit j3 ok 4-5 given_id=k"
    )
    (witness,) = unique_ids.check(db, CRITERIA).witnesses
    assert (witness.key, [op["id"] for op in witness.ops]) == ("j1", [0, 1])


def test_it_shows_what_it_looked_at() -> None:
    db = history("job/submit j1 ok 0-1 phase=steady given_id=a", "job/submit j2 ok 0-1 given_id=b replica=replica-2")
    assert unique_ids.check(db, CRITERIA).evidence == {"ids": 2, "replicas_that_gave_them": 2}
