"""steady: what is answered before any fault."""

from __future__ import annotations

import pytest

from harness.judging import steady
from harness.judging.criteria import Criteria
from tests.support.histories import fault, history, told

CRITERIA = Criteria()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("session/read s1 ok 0-10 phase=steady expect=ok", ("valid", {})),
        ("session/read s1 absent 0-10 phase=steady expect=ok,absent", ("valid", {})),
        ("session/read s1 absent 0-10 phase=steady expect=ok", ("invalid", {"unexpected": 1})),
        ("session/read s1 error 0-10 phase=steady expect=ok", ("invalid", {"unexpected": 1})),
        ("session/read s1 error 0-? phase=steady expect=ok", ("unknown", {})),
        ("session/read s1 no_effect 0-10 phase=steady expect=ok", ("unknown", {})),
        ("session/read s1 absent 0-10 phase=load", ("unknown", {})),
    ],
)
def test_steady(line: str, expected: tuple[str, dict[str, int]]) -> None:
    assert told(steady.check(history(line), CRITERIA)) == expected


def test_it_shows_what_it_looked_at() -> None:
    db = history(
        "session/read s1 ok 0-10 phase=steady expect=ok",
        "job/submit j1 ok 0-1 phase=steady expect=ok given_id=a",
        "job/submit j2 ok 0-1 given_id=b replica=replica-2",
        fault=[fault(0, "kill", 1, 2, 3)],
    )
    result = steady.check(db, CRITERIA)
    assert (result.evidence, result.could_have_missed) == ({"kinds": "job/submit, session/read"}, "")
