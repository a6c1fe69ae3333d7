"""What a run came to: `valid`, `invalid` or `unknown`, and the records that a check hands in.

`invalid` outweighs `unknown`, which outweighs `valid`. A verdict is never true or false: `if verdict:` would take
`unknown` for a pass, so it raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NoReturn

INF = (1 << 63) - 1
"""When an `info` op returns, for the rules."""

NS = 1_000_000_000


class Verdict(Enum):
    """Of a check, and of a run."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict is not a truth value: compare it with Verdict.VALID")


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """The weightiest of them; nothing at all is `unknown`, for it proves nothing."""
    found = set(verdicts)
    for verdict in (Verdict.INVALID, Verdict.UNKNOWN):
        if verdict in found:
            return verdict
    return Verdict.VALID if found else Verdict.UNKNOWN


def exit_code(verdict: Verdict, slo_missed: bool) -> int:
    """0 valid, 1 invalid, 3 valid with a missed SLO, 4 unknown."""
    if verdict is Verdict.VALID:
        return 3 if slo_missed else 0
    return 1 if verdict is Verdict.INVALID else 4


@dataclass(frozen=True)
class Witness:
    """The few ops, effects and faults that show one violation; `ops` and `effects` as in results.json."""

    rule: str
    key: str
    text: str
    ops: list[dict[str, Any]] = field(default_factory=list)
    effects: list[dict[str, Any]] = field(default_factory=list)
    faults: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """What one check found. `examined` counts what it looked at, `violations` what broke each rule.

    `detected`: when the first violation had shown, in seconds (`at_s`) and ops begun (`ops`) since the first op.
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
    """One thing that must be shown before `valid` means anything."""

    name: str
    needed: float
    found: float
    met: bool
    text: str


@dataclass(frozen=True)
class Slo:
    """One service-level objective; `met` is None when it has no threshold or could not be measured."""

    name: str
    threshold: float | None
    measured: float | None
    unit: str
    met: bool | None
    text: str
