from __future__ import annotations

import pytest

from harness.judging.verdict import Verdict, combine, exit_code

VALID, INVALID, UNKNOWN = Verdict.VALID, Verdict.INVALID, Verdict.UNKNOWN


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_verdict_is_not_a_truth_value(verdict: Verdict) -> None:
    with pytest.raises(TypeError, match="not a truth value"):
        bool(verdict)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], UNKNOWN),
        ([VALID], VALID),
        ([VALID, UNKNOWN], UNKNOWN),
        ([UNKNOWN, INVALID, VALID], INVALID),
    ],
)
def test_combine(given: list[Verdict], expected: Verdict) -> None:
    assert combine(given) is expected


@pytest.mark.parametrize(
    ("verdict", "missed", "code"),
    [(VALID, False, 0), (VALID, True, 3), (INVALID, True, 1), (INVALID, False, 1), (UNKNOWN, True, 4)],
)
def test_exit_code(verdict: Verdict, missed: bool, code: int) -> None:
    assert exit_code(verdict, missed) == code
