"""Service-level objectives: measured always, compared where the scenario sets a threshold, never part of `invalid`.

    availability     share of the ops of the load phase that were answered definitely and not turned away
    recovery_s       longest time from a fault's injection to the last op that was not so answered, among the ops
                     invoked after this fault and before the next one
    latency_*_ms     time to the answer of the answered ops of the load phase, since each op was sent
    intended_*_ms    the same since each op was due, in the open model

Latency is not measured when the load agent itself lagged above the bound: then the figures would be the agent's lag.
"""

from __future__ import annotations

from harness.judging.criteria import Criteria
from harness.judging.findings import Connection, one
from harness.judging.verdict import NS, Slo

_GOOD = "(outcome <> 'info' AND class <> 'no_effect')"


def measure(db: Connection, criteria: Criteria) -> list[Slo]:
    """Return every service-level objective as measured, in a fixed order."""
    return [_availability(db, criteria), _recovery(db, criteria), *_latency(db, criteria)]


def _slo(
    criteria: Criteria, name: str, measured: float | None, unit: str, text: str, higher_is_better: bool = False
) -> Slo:
    threshold = criteria.slos.get(name)
    if threshold is None or measured is None:
        return Slo(name, threshold, measured, unit, None, text)
    met = measured >= threshold if higher_is_better else measured <= threshold
    return Slo(name, threshold, measured, unit, met, text)


def _availability(db: Connection, criteria: Criteria) -> Slo:
    total, good = one(db, f"SELECT count(*), count(*) FILTER ({_GOOD}) FROM op WHERE phase = 'load'")
    text = f"{good} of {total} ops of the load were answered"
    return _slo(criteria, "availability", round(good / total, 6) if total else None, "share", text, True)


def _recovery(db: Connection, criteria: Criteria) -> Slo:
    row = one(
        db,
        f"""WITH landed AS (SELECT injected_ns, fault FROM fault
            WHERE landed_ns IS NOT NULL AND injected_ns IS NOT NULL),
          bad AS (SELECT invoke_ns FROM op WHERE phase = 'load' AND NOT {_GOOD}),
          after AS (SELECT l.fault, max(b.invoke_ns - l.injected_ns) AS took
            FROM bad b ASOF JOIN landed l ON b.invoke_ns >= l.injected_ns GROUP BY l.fault)
        SELECT (SELECT count(*) FROM landed), coalesce(max(took), 0), arg_max(fault, took) FROM after""",
    )
    faults, took, slowest = row
    if not faults:
        return _slo(criteria, "recovery_s", None, "s", "no fault landed")
    text = f"after fault {slowest}, the slowest of {faults}" if slowest is not None else f"{faults} faults cost no op"
    return _slo(criteria, "recovery_s", round(took / NS, 3), "s", text)


def _latency(db: Connection, criteria: Criteria) -> list[Slo]:
    lag = one(db, "SELECT max(ms) FROM lag")[0]
    answered = f"op WHERE phase = 'load' AND return_ns IS NOT NULL AND {_GOOD}"
    due = int(one(db, f"SELECT count(intended_ns) FROM {answered}")[0])
    wanted = [("latency", "invoke_ns", "")] + (
        [("intended", "intended_ns", " AND intended_ns IS NOT NULL")] if due else []
    )
    found = []
    for name, start, condition in wanted:
        p50, p99, ops = one(
            db,
            f"""SELECT quantile_disc(took, 0.5), quantile_disc(took, 0.99), count(*) FROM (
            SELECT return_ns - {start} AS took FROM {answered}{condition})""",
        )
        for quantile, value in (("p50", p50), ("p99", p99)):
            text = f"over {ops} answered ops of the load"
            measured = None if value is None else round(value / 1e6, 3)
            if lag is not None and lag > criteria.lag_bound_ms:
                text = f"unknown: the load agent lagged {lag:.0f} ms, more than {criteria.lag_bound_ms:.0f} ms"
                measured = None
            found.append(_slo(criteria, f"{name}_{quantile}_ms", measured, "ms", text))
    return found
