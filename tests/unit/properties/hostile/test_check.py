"""Hostile tokens: every rule in both directions, and what was not tried."""

from __future__ import annotations

import pytest

from harness.properties.hostile import check as hostile
from harness.properties.hostile.workload import VARIANTS
from tests.support.histories import effect, history, told

CRITERIA = hostile.Criteria()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["hostile/forge a ok 0-1 arg=unsigned"], ("invalid", {"accepted": 1})),
        (["hostile/forge a absent 0-1 arg=unsigned", "hostile/forge b refused 0-1"], ("valid", {})),
        (["hostile/forge_pay a ok 0-1 arg=unsigned"], ("invalid", {"accepted": 1})),
        (["hostile/forge_pay a absent 0-1 arg=unsigned"], ("valid", {})),
        (["hostile/forge a error 0-1"], ("unknown", {})),
        (["session/read s ok 0-1"], ("unknown", {})),
    ],
)
def test_hostile(lines: list[str], expected: tuple[str, dict[str, int]]) -> None:
    assert told(hostile.check(history(*lines), CRITERIA)) == expected


def test_hostile_says_which_variants_it_never_presented() -> None:
    lines = [
        "hostile/forge a/unsigned absent 0-1 arg=unsigned",
        "hostile/forge a/expired error 0-1 arg=expired",
        "hostile/forge a/truncated no_effect 0-1 arg=truncated",
    ]
    result = hostile.check(history(*lines), CRITERIA)
    missing = (
        "bit-flipped, foreign-key, no-expiry, other-audience, other-issuer, other-subject, other-type, refresh-token, "
        "truncated, unknown-kid"
    )
    assert result.evidence == {"answered": "unsigned", "never_answered": "expired", "never_presented": missing}
    assert result.could_have_missed == (
        f"never answered: expired; never presented: {missing}; no payment with one was answered; "
        "no replica fault landed: this says nothing about any"
    )


PAID = "hostile/forge_pay h1 absent 0-10 arg=unsigned"


@pytest.mark.parametrize("label", ["absent", "error", "no_effect"])
def test_a_payment_with_a_hostile_token_has_no_effect_whatever_was_answered(label: str) -> None:
    lines = [PAID.replace("absent", label), "hostile/forge a absent 0-1 arg=unsigned"]
    assert told(hostile.check(history(*lines, effect=[effect("p1", 5)]), CRITERIA)) == ("valid", {})
    result = hostile.check(history(*lines, effect=[effect("p1", 5), effect("h1", 5)]), CRITERIA)
    assert told(result) == ("invalid", {"took effect": 1})
    assert [each["at_s"] for each in result.witnesses[0].effects] == [0.005]


def test_hostile_says_that_it_did_not_see_effects() -> None:
    seen, unseen = [hostile.check(history(PAID), hostile.Criteria(effects=where)) for where in ("ledger", "nowhere")]
    said = "effects of payments that were refused: the ledger does not have them; "
    assert said in unseen.could_have_missed
    assert said not in seen.could_have_missed
    assert seen.examined["payments"] == 1


def test_the_variants_are_those_that_the_workload_knows() -> None:
    assert list(hostile.VARIANTS) == sorted(VARIANTS)
