"""The parts of a view and how each is read from the run folder's records."""

from __future__ import annotations

from dataclasses import dataclass

from harness.report import records as r
from harness.report.records import Record
from harness.report.text import clean
from harness.report.timeline import Band

VERDICTS = ("valid", "invalid", "unknown")


@dataclass(frozen=True)
class Op:
    """One op of a witness, numbered as its picture numbers it."""

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
    """An effect that the ledger accepted."""

    id: str
    at_s: float
    key: str
    fence: str


@dataclass(frozen=True)
class Witness:
    """The few ops that show one violation; `bands` are the faults beside them."""

    rule: str
    key: str
    text: str
    ops: list[Op]
    effects: list[Effect]
    bands: list[Band]


@dataclass(frozen=True)
class Check:
    """One check's result. The pairs are (name, value) in the order of the file."""

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
        """Violations of all rules."""
        return sum(number for _, number in self.violations)


@dataclass(frozen=True)
class Fault:
    """One fault of the schedule and what became of it."""

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
        """What was done to what: kill replica-2."""
        return f"{self.kind} {self.target or self.role}".strip()


@dataclass(frozen=True)
class Need:
    """One threshold of evidence."""

    name: str
    needed: str
    found: str
    met: bool
    text: str


@dataclass(frozen=True)
class Slo:
    """One service level; `met` None: it could not be measured."""

    name: str
    threshold: str
    measured: str
    met: bool | None
    text: str


@dataclass(frozen=True)
class Count:
    """Ops of one kind by outcome."""

    workload: str
    kind: str
    ok: int
    fail: int
    info: int


def faults(results: Record, lines: list[Record], origin_ns: int | None) -> list[Fault]:
    """The faults of results.json, with the moments that only the nemesis' record knows; else those alone."""
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
    """The stretch of a fault, from its injection; None when it was never injected."""
    start_s = fault.landed_s if fault.injected_s is None else fault.injected_s
    if start_s is None:
        return None
    end_s = max(fault.healed_s, start_s) if fault.healed_s is not None else None
    return Band(fault.number, fault.title, fault.how, start_s, end_s, fault.landed_s)


def check(found: Record, bands: list[Band]) -> Check:
    """One check of the results, with its witnesses."""
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
    """One piece of evidence that was asked for, and what was found of it."""
    return Need(
        name=r.text(found, "name"),
        needed=r.text(found, "needed", "–"),
        found=r.text(found, "found", "–"),
        met=r.flag(found, "met") is True,
        text=r.text(found, "text"),
    )


def slo(found: Record) -> Slo:
    """One objective with what was measured."""
    unit = r.text(found, "unit")
    threshold, measured = (
        f"{value} {unit}".strip() if (value := r.text(found, name)) else "–" for name in ("threshold", "measured")
    )
    return Slo(r.text(found, "name"), threshold, measured, r.flag(found, "met"), r.text(found, "text"))


def tally(row: Record) -> Count:
    """How the ops of one kind ended."""
    ok, fail, info = (r.whole(row, outcome) for outcome in ("ok", "fail", "info"))
    return Count(r.text(row, "workload"), r.text(row, "kind"), ok, fail, info)
