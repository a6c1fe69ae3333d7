"""The parts of a view, and how each is read from the records of the run folder.

Times named `*_s` are seconds since the load began.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.report import records as r
from harness.report.records import Record
from harness.report.text import clean
from harness.report.timeline import Band

VERDICTS = ("valid", "invalid", "unknown")


@dataclass(frozen=True)
class Op:
    """One op of a witness.

    Attributes:
        number: The op's number in the witness, from 1 in the order of the begins; the picture shows the same number.
        id: The op's id in the history.
        client: The logical client that did the op.
        kind: What the op does, such as `login`.
        phase: The phase of the run in which the op began.
        outcome: `ok`, `fail` or `info`.
        klass: The class of the answer by the contract.
        status: The HTTP status.
        replica: The replica that answered.
        boot: The boot id of that replica.
        invoke_s: When the op began.
        return_s: When the op ended; None when no answer ever came.
        details: What was sent and what was shown, as pairs (name, value).
    """

    number: int
    id: str
    client: str
    kind: str
    phase: str
    outcome: str
    klass: str
    status: str
    replica: str
    boot: str
    invoke_s: float
    return_s: float | None
    details: list[tuple[str, str]]


@dataclass(frozen=True)
class Effect:
    """An effect that the ledger accepted.

    Attributes:
        id: The ledger's id of the effect.
        at_s: When the ledger accepted the effect.
        key: The downstream key that the effect was asked for with.
        fence: The fence that the effect was asked for with; empty when there was none.
    """

    id: str
    at_s: float
    key: str
    fence: str


@dataclass(frozen=True)
class Witness:
    """The few ops that show one violation.

    Attributes:
        rule: The rule that was violated.
        key: The item that the violation is about.
        text: The violation in words.
        ops: The ops in the order of their begins.
        effects: The accepted effects that show the violation.
        bands: The faults at the time.
    """

    rule: str
    key: str
    text: str
    ops: list[Op]
    effects: list[Effect]
    bands: list[Band]


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: The name of the check.
        statement: What the check holds the service to.
        verdict: `valid`, `invalid` or `unknown`.
        reason: Why the verdict is `unknown`.
        examined: How much was examined, as pairs (name, value) in the order of the file.
        violations: How often each rule was violated, in the order of the file.
        evidence: What shows that the check could have failed, as pairs (name, value) in the order of the file.
        could_have_missed: What the check could have missed.
        witnesses: The violations that are shown.
    """

    name: str
    statement: str
    verdict: str
    reason: str
    examined: list[tuple[str, str]]
    violations: list[tuple[str, int]]
    evidence: list[tuple[str, str]]
    could_have_missed: str
    witnesses: list[Witness]

    @property
    def total(self) -> int:
        """The number of violations of all rules."""
        return sum(number for _, number in self.violations)


@dataclass(frozen=True)
class Fault:
    """One fault of the schedule, and what became of it.

    Attributes:
        number: The fault's number in the schedule, from 1.
        kind: What was done, such as `kill`.
        role: The role of the member that it was done to.
        target: The member that it was done to.
        planned_s: When the fault was due.
        injected_s: When the fault was injected; None when it was not.
        landed_s: When the fault was seen to take effect; None when it was not.
        healed: Whether the fault was seen to be over.
        healed_s: When the fault was seen to be over.
        in_flight: How many ops were in flight on the target; None when nobody counted.
        failed: Why the fault failed; empty when it did not.
        how: How the harness saw that the fault landed and healed.
    """

    number: int
    kind: str
    role: str
    target: str
    planned_s: float | None
    injected_s: float | None
    landed_s: float | None
    healed: bool
    healed_s: float | None
    in_flight: int | None
    failed: str
    how: str

    @property
    def title(self) -> str:
        """What was done to what, such as `kill replica-2`."""
        return f"{self.kind} {self.target or self.role}".strip()


@dataclass(frozen=True)
class Need:
    """One threshold of evidence, and what was found.

    Attributes:
        name: The name of the evidence.
        needed: How much is needed.
        found: How much was found.
        met: Whether that is enough.
        text: What the evidence says, in words.
    """

    name: str
    needed: str
    found: str
    met: bool
    text: str


@dataclass(frozen=True)
class Slo:
    """One service level (SLO), and what was measured.

    Attributes:
        name: The name of the service level.
        threshold: The threshold with its unit.
        measured: The measured value with its unit.
        met: Whether the threshold was met; None when there is no threshold, or nothing could be measured.
        text: What was measured, in words.
    """

    name: str
    threshold: str
    measured: str
    met: bool | None
    text: str


@dataclass(frozen=True)
class Count:
    """How many ops of one kind there were, by outcome."""

    workload: str
    kind: str
    ok: int
    fail: int
    info: int


def faults(results: Record, lines: list[Record], origin_ns: int | None) -> list[Fault]:
    """Return the faults of a run.

    Args:
        results: The content of `results.json`.
        lines: The events of `faults.jsonl`, which know more moments than the results; they alone are used when the
            results list no fault.
        origin_ns: When the load began, CLOCK_MONOTONIC in nanoseconds; None when unknown.
    """
    known: dict[int, dict[str, Record]] = {}
    for line in lines:
        known.setdefault(r.whole(line, "fault", -1), {}).setdefault(r.text(line, "e"), line)
    judged = r.records(results, "faults")
    if not judged:
        judged = [
            {**events["intent"], "failed": events.get("failed", {}).get("why")}
            for events in known.values()
            if "intent" in events
        ]
    return [_fault(fault, known.get(r.whole(fault, "fault", -1), {}), origin_ns) for fault in judged]


def _fault(fault: Record, events: dict[str, Record], origin_ns: int | None) -> Fault:
    def when(event: str, stated: str) -> float | None:
        if (seconds := r.real(fault, stated)) is not None:
            return seconds
        at_ns = r.moment(events.get(event, {}))
        return None if at_ns is None or origin_ns is None else round((at_ns - origin_ns) / 1e9, 3)

    healed_s, stated = when("healed", "healed_s"), r.flag(fault, "healed")
    hows = [r.text(events.get(event, {}), "how") for event in ("landed", "healed")]
    return Fault(
        number=r.whole(fault, "fault"),
        kind=r.text(fault, "kind"),
        role=r.text(fault, "role"),
        target=r.text(fault, "target"),
        planned_s=r.real(fault, "planned_s"),
        injected_s=when("injected", "injected_s"),
        landed_s=when("landed", "landed_s"),
        healed=healed_s is not None if stated is None else stated,
        healed_s=healed_s,
        in_flight=r.whole(fault, "in_flight") if "in_flight" in fault else None,
        failed=r.text(fault, "failed"),
        how="; ".join(how for how in hows if how),
    )


def band(fault: Fault) -> Band | None:
    """Return the stretch of time of a fault, from its injection; None when the fault was never injected."""
    start_s = fault.landed_s if fault.injected_s is None else fault.injected_s
    if start_s is None:
        return None
    end_s = max(fault.healed_s, start_s) if fault.healed_s is not None else None
    return Band(fault.number, fault.title, fault.how, start_s, end_s, fault.landed_s)


def check(found: Record, bands: list[Band]) -> Check:
    """Return one check of the results, with its witnesses.

    Args:
        found: The check as it stands in `results.json`.
        bands: All faults of the run as stretches of time; a witness gets those that it names.
    """
    violations = r.record(found, "violations")
    verdict = r.text(found, "verdict")
    return Check(
        name=r.text(found, "name", "unnamed"),
        statement=r.text(found, "property"),
        verdict=verdict if verdict in VERDICTS else "unknown",
        reason=r.text(found, "reason"),
        examined=r.pairs(found, "examined"),
        violations=[(clean(rule), r.whole(violations, rule)) for rule in violations],
        evidence=r.pairs(found, "evidence"),
        could_have_missed=r.text(found, "could_have_missed"),
        witnesses=[_witness(witness, bands) for witness in r.records(found, "witnesses")],
    )


def _witness(witness: Record, bands: list[Band]) -> Witness:
    listed = witness.get("faults")
    numbers = listed if isinstance(listed, list) else []
    ops = sorted(r.records(witness, "ops"), key=lambda op: r.real(op, "invoke_s") or 0.0)
    return Witness(
        rule=r.text(witness, "rule"),
        key=r.text(witness, "key"),
        text=r.text(witness, "text"),
        ops=[_op(number, op) for number, op in enumerate(ops, 1)],
        effects=[
            Effect(r.text(e, "effect"), r.real(e, "at_s") or 0.0, r.text(e, "key"), r.text(e, "fence"))
            for e in r.records(witness, "effects")
        ],
        bands=[band for band in bands if band.number in numbers],
    )


def _op(number: int, op: Record) -> Op:
    named = [(name, r.text(op, name)) for name in ("arg", "value", "state", "number")]
    return Op(
        number=number,
        id=r.text(op, "id"),
        client=r.text(op, "client"),
        kind=r.text(op, "kind"),
        phase=r.text(op, "phase"),
        outcome=r.text(op, "outcome"),
        klass=r.text(op, "class"),
        status=r.text(op, "status"),
        replica=r.text(op, "replica"),
        boot=r.text(op, "boot"),
        invoke_s=r.real(op, "invoke_s") or 0.0,
        return_s=r.real(op, "return_s"),
        details=[(name, value) for name, value in named if value],
    )


def need(found: Record) -> Need:
    """Return one threshold of evidence as it stands in `results.json`."""
    return Need(
        name=r.text(found, "name"),
        needed=r.text(found, "needed", "–"),
        found=r.text(found, "found", "–"),
        met=r.flag(found, "met") is True,
        text=r.text(found, "text"),
    )


def slo(found: Record) -> Slo:
    """Return one service level as it stands in `results.json`."""
    unit = r.text(found, "unit")
    threshold, measured = (
        f"{value} {unit}".strip() if (value := r.text(found, name)) else "–" for name in ("threshold", "measured")
    )
    return Slo(r.text(found, "name"), threshold, measured, r.flag(found, "met"), r.text(found, "text"))


def tally(row: Record) -> Count:
    """Return how the ops of one kind ended, as it stands in `results.json`."""
    ok, fail, info = (r.whole(row, outcome) for outcome in ("ok", "fail", "info"))
    return Count(r.text(row, "workload"), r.text(row, "kind"), ok, fail, info)
