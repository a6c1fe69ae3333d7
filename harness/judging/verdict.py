"""What a run came to: `valid`, `invalid` or `unknown`, and the records that a check hands in.

`invalid` outweighs `unknown`, which outweighs `valid`. A verdict is never true or false: `if verdict:` would take
`unknown` for a pass, so that it raises `TypeError`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NoReturn

INF = (1 << 63) - 1
"""The time in nanoseconds at which the rules take an `info` op to return: infinity."""

NS = 1_000_000_000


class Verdict(Enum):
    """What a check, or a whole run, came to."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict is not a truth value: compare it with Verdict.VALID")


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the weightiest of the verdicts; `unknown` when there are none, since nothing was proved."""
    found = set(verdicts)
    for verdict in (Verdict.INVALID, Verdict.UNKNOWN):
        if verdict in found:
            return verdict
    return Verdict.VALID if found else Verdict.UNKNOWN


def exit_code(verdict: Verdict, slo_missed: bool) -> int:
    """Return the exit code: 0 for valid, 1 for invalid, 3 for valid with a missed SLO, 4 for unknown."""
    if verdict is Verdict.VALID:
        return 3 if slo_missed else 0
    return 1 if verdict is Verdict.INVALID else 4


@dataclass(frozen=True)
class Witness:
    """The few ops, effects and faults that show one violation.

    Attributes:
        rule: name of the rule that is broken.
        key: name of the violating item.
        text: one line that names the item and the violation.
        ops: the ops that show the violation, as in results.json.
        effects: the ledger's effects of the item, as in results.json.
        faults: numbers of the faults that were active meanwhile.
    """

    rule: str
    key: str
    text: str
    ops: list[dict[str, Any]] = field(default_factory=list)
    effects: list[dict[str, Any]] = field(default_factory=list)
    faults: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """What one check found.

    Attributes:
        name: name of the check.
        property: the sentence that holds when the check finds nothing.
        verdict: what the check came to.
        reason: why the verdict is `unknown`; None for any other verdict.
        examined: how many ops or items the check looked at, by what they are called.
        violations: how many items broke a rule, by the name of the rule.
        evidence: what the check has to show for its verdict, by what that is called.
        could_have_missed: what the check could have missed; empty when there is nothing to say.
        witnesses: the earliest violations.
        detected: when the first violation had shown: seconds (`at_s`) and ops begun (`ops`) since the first op; None
            when no violation was found.
    """

    name: str
    property: str
    verdict: Verdict
    reason: str | None = None
    examined: dict[str, int] = field(default_factory=dict)
    violations: dict[str, int] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)
    could_have_missed: str = ""
    witnesses: list[Witness] = field(default_factory=list)
    detected: dict[str, float] | None = None


@dataclass(frozen=True)
class Proof:
    """One thing that must be shown before `valid` means anything.

    Attributes:
        name: name of the proof, such as `faults landed`.
        needed: how much is needed.
        found: how much was found.
        met: whether that suffices.
        text: one line that says what was found.
    """

    name: str
    needed: float
    found: float
    met: bool
    text: str


@dataclass(frozen=True)
class Slo:
    """One service-level objective.

    Attributes:
        name: name of the objective, such as `latency_p99_ms`.
        threshold: the scenario's threshold; None when the scenario sets none.
        measured: the measured value; None when it could not be measured.
        unit: the unit of both.
        met: whether the threshold was kept; None without a threshold or a measured value.
        text: one line that says what was measured.
    """

    name: str
    threshold: float | None
    measured: float | None
    unit: str
    met: bool | None
    text: str
