"""The verdict over all checks, the evidence and the SLOs, and results.json from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import duckdb

from harness.judging import evidence, graceful, slo
from harness.judging.criteria import PROPERTIES, Terms
from harness.judging.findings import Connection, one, origin_ns, seconds
from harness.judging.registry import CHECKS, PROVES, Check
from harness.judging.verdict import INF, NS, Proof, Result, Slo, Verdict, combine, exit_code

ALWAYS = ("steady", "accounting")


@dataclass(frozen=True)
class Judgement:
    """What all of it came to. `not_tested` names each property that was not judged, and why."""

    verdict: Verdict
    exit_code: int
    reasons: list[str]
    results: list[Result]
    evidence: list[Proof]
    slos: list[Slo]
    not_tested: dict[str, str]


def judge(db: Connection, terms: Terms, checks: Mapping[str, Check] = CHECKS) -> Judgement:
    """Runs every check that applies. One that crashes is `unknown`, and says with what."""
    found: list[Result] = []
    not_tested = _left_out(terms)
    for name, check in checks.items():
        if name in PROPERTIES and name not in terms.properties:
            continue
        result = _run(db, terms, name, check)
        if result is None:
            not_tested[name] = graceful.NOT_TESTED if name == graceful.NAME else "not exercised by this run"
        else:
            found.append(result)
    try:
        proofs = evidence.gather(db, terms)
    except Exception as error:
        proofs = [Proof(evidence.NOT_GATHERED, 1, 0, False, f"could not be gathered: {_told(error)}")]
    lost_s = evidence.part_lost_s(db)
    found = [_doubted(_shown(result, proofs), evidence.damage(db), lost_s) for result in found]
    slos = _slos(db, terms)
    unmet = [Verdict.UNKNOWN for proof in proofs if not proof.met]
    verdict = combine([*(result.verdict for result in found), *unmet])
    reasons = [f"{result.name}: {result.reason}" for result in found if result.reason]
    reasons += [f"{proof.name}: {proof.text}" for proof in proofs if not proof.met]
    missed = any(each.met is False for each in slos)
    return Judgement(verdict, exit_code(verdict, missed), reasons, found, proofs, slos, not_tested)


def _left_out(terms: Terms) -> dict[str, str]:
    found = {name: "not part of this contract or scenario" for name in PROPERTIES if name not in terms.properties}
    found.update(terms.not_tested)
    for name, where in (
        ("idempotency", terms.payment_effects),
        ("order", terms.order_effects),
        ("job", terms.job_effects),
    ):
        if name not in terms.properties:
            continue
        if where == "nowhere":
            found[f"{name}: effects"] = "not testable: the contract names no place where effects can be seen"
        elif not terms.ledger_deduplicates:
            found[f"{name}: exactly once"] = "not promised: the provider does not deduplicate"
    if "job" in terms.properties and terms.job_effects == "ledger" and not terms.ledger_fences:
        found["job: fences"] = "not promised: the provider does not refuse a lower fence"
    return found


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]


def _run(db: Connection, terms: Terms, name: str, check: Check) -> Result | None:
    try:
        return check(db, terms)
    except Exception as error:
        told = _told(error)
        return Result(
            name, PROVES.get(name, ""), Verdict.UNKNOWN, f"the check crashed: {told}", evidence={"crashed": told}
        )


def _shown(result: Result, proofs: list[Proof]) -> Result:
    """With the evidence that the run owed for the property beside the check's own."""
    return replace(result, evidence={**result.evidence, **evidence.of_property(proofs, result.name)})


def _doubted(result: Result, damaged: int, lost_s: float | None) -> Result:
    """Unknown, where something else than the service explains a violation.

    With ops missing from the history it may be made of what is missing. After the store or the ledger died, or was put
    in place again, what they held may be gone; what had shown before that is the service's.
    """
    if result.verdict is not Verdict.INVALID:
        return result
    broken = ", ".join(f"{rule} ({found})" for rule, found in result.violations.items())
    if damaged:
        why = f"{damaged} damaged lines may hide what explains them"
    elif lost_s is not None and (result.detected is None or result.detected["at_s"] > lost_s):
        why = "a part that the service needs was lost during the run, which may be what explains them"
    else:
        return result
    return replace(result, verdict=Verdict.UNKNOWN, reason=f"violations found ({broken}), but {why}")


def _slos(db: Connection, terms: Terms) -> list[Slo]:
    try:
        return slo.measure(db, terms)
    except Exception as error:
        return [Slo("slos", None, None, "", None, f"could not be measured: {_told(error)}")]


def results(db: duckdb.DuckDBPyConnection, judgement: Judgement, terms: Terms) -> dict[str, Any]:
    """results.json as a dict, in its order of keys. Seconds count from the start of the load."""
    declared = db.execute("SELECT run, scenario, title, seed, platform, command FROM declared").fetchone()
    run, scenario, title, seed, platform, command = declared or (None,) * 6
    return {
        "schema": 1,
        "scenario": scenario,
        "title": terms.title or title,
        "proves": terms.proves,
        "run": run,
        "platform": platform,
        "seed": seed,
        "verdict": judgement.verdict.value,
        "exit_code": judgement.exit_code,
        "reasons": judgement.reasons,
        "ops": _ops(db),
        "by_kind": _by_kind(db),
        "faults": _faults(db),
        "checks": [_check(result) for result in judgement.results],
        "evidence": [asdict(proof) for proof in judgement.evidence],
        "slos": [asdict(each) for each in judgement.slos],
        "not_tested": [{"property": name, "why": why} for name, why in judgement.not_tested.items()],
        "phases": _phases(db),
        "torn_lines": int(one(db, "SELECT coalesce(sum(lines), 0) FROM torn")[0]),
        "repeat": command,
    }


def _check(result: Result) -> dict[str, Any]:
    return {**asdict(result), "verdict": result.verdict.value}


_OUTCOMES = ", ".join(f"count(*) FILTER (outcome = '{outcome}')" for outcome in ("ok", "fail", "info"))


def _ops(db: Connection) -> dict[str, int]:
    row = one(db, f"SELECT count(*), {_OUTCOMES}, count(*) FILTER (replica IS NOT NULL) FROM op")
    dropped = int(one(db, "SELECT coalesce(sum(dropped), 0) FROM summary")[0])
    return {**dict(zip(("total", "ok", "fail", "info", "reached"), map(int, row), strict=True)), "dropped": dropped}


def _by_kind(db: Connection) -> list[dict[str, Any]]:
    rows = db.execute(f"SELECT workload, kind, {_OUTCOMES} FROM op GROUP BY ALL ORDER BY workload, kind").fetchall()
    return [dict(zip(("workload", "kind", "ok", "fail", "info"), row, strict=True)) for row in rows]


def _faults(db: Connection) -> list[dict[str, Any]]:
    """`in_flight`: ops under way at the target when the fault was injected, as far as anyone knows."""
    rows = db.execute("""SELECT fault, kind, role, target, boot, planned_s, injected_ns, landed_ns, healed_ns, failed
        FROM fault ORDER BY fault""").fetchall()
    origin = origin_ns(db)
    found = []
    for number, kind, role, target, boot, planned, injected, landed, healed, failed in rows:
        flying = 0
        if injected is not None and role == "replica" and kind not in ("scale", "noop"):
            query = f"""SELECT count(*) FROM op WHERE (sent_to = ? OR replica = ? OR boot = ?) AND invoke_ns <= ?
                AND CASE WHEN outcome = 'info' THEN coalesce(return_ns, {INF}) ELSE return_ns END >= ?"""
            row = db.execute(query, [target, target, boot, injected, injected]).fetchone()
            flying = int(row[0]) if row else 0
        found.append(
            {
                "fault": number,
                "kind": kind,
                "role": role,
                "target": target,
                "planned_s": planned,
                "landed_s": seconds(landed, origin),
                "healed": healed is not None,
                "healed_s": seconds(healed, origin),
                "in_flight": flying,
                "failed": failed,
            }
        )
    return found


def _phases(db: Connection) -> list[dict[str, Any]]:
    rows = db.execute("SELECT name, at_ns FROM phase ORDER BY at_ns, rowid").fetchall()
    ends = [at_ns for _, at_ns in [*rows[1:], *rows[-1:]]]
    return [
        {"name": name, "seconds": round((end - at_ns) / NS, 3)}
        for (name, at_ns), end in zip(rows, ends, strict=True)
        if name != "end"
    ]
