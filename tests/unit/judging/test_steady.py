"""Steady state: an answer other than the expected one before any fault."""

from __future__ import annotations

import pytest

from harness.judging import steady
from harness.judging.criteria import Terms
from tests.support.histories import history, told

TERMS = Terms()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sessions/read s1 ok 0-10 phase=steady expect=ok", ("valid", {})),
        ("sessions/read s1 absent 0-10 phase=steady expect=ok,absent", ("valid", {})),
        ("sessions/read s1 absent 0-10 phase=steady expect=ok", ("invalid", {"unexpected": 1})),
        ("sessions/read s1 error 0-10 phase=steady expect=ok", ("invalid", {"unexpected": 1})),
        ("sessions/read s1 error 0-? phase=steady expect=ok", ("unknown", {})),
        ("sessions/read s1 no_effect 0-10 phase=steady expect=ok", ("unknown", {})),
        ("sessions/read s1 absent 0-10 phase=load", ("unknown", {})),
    ],
)
def test_steady(line: str, expected: tuple[str, dict[str, int]]) -> None:
    assert told(steady.check(history(line), TERMS)) == expected
