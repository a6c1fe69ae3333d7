"""The verdict over all checks, the evidence and the SLOs, and results.json from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import duckdb

from harness.judging import evidence, slo
from harness.judging.check import Question
from harness.judging.criteria import Criteria
from harness.judging.findings import Connection, one, origin_ns, seconds
from harness.judging.verdict import INF, NS, Proof, Result, Slo, Verdict, combine, exit_code


@dataclass(frozen=True)
class Judgement:
    """What a run was judged to be.

    Attributes:
        verdict: the weightiest verdict of all checks and of the evidence.
        exit_code: the exit code of the command that judged the run.
        reasons: every reason for `unknown`, of the checks and of the evidence, one line each.
        results: the result of each check that was judged.
        evidence: every proof that the run owed.
        slos: every service-level objective.
        not_tested: the name of everything that was not judged, with the reason.
    """

    verdict: Verdict
    exit_code: int
    reasons: list[str]
    results: list[Result]
    evidence: list[Proof]
    slos: list[Slo]
    not_tested: dict[str, str]


def judge(
    db: Connection, criteria: Criteria, questions: Sequence[Question], not_tested: Mapping[str, str] | None = None
) -> Judgement:
    """Ask every question of the history, gather the evidence, measure the objectives, and combine all to one verdict.

    A check that crashes is `unknown`, and its result names the error.

    Args:
        db: the history.
        criteria: the scenario's thresholds.
        questions: the checks that apply to this run, in the order of the results.
        not_tested: the name of everything that was left out before anything was judged, with the reason.
    """
    found: list[tuple[Question, Result]] = []
    left_out = dict(not_tested or {})
    for question in questions:
        result = _run(db, question)
        if result is None:
            left_out[question.name] = question.not_exercised
        else:
            found.append((question, result))
            left_out.update(question.gaps)
    try:
        proofs = evidence.gather(db, criteria, questions)
    except Exception as error:
        proofs = [Proof(evidence.NOT_GATHERED, 1, 0, False, f"could not be gathered: {_told(error)}")]
    lost_s = evidence.part_lost_s(db)
    damaged = evidence.damage(db)
    results = [_doubted(_shown(result, question, proofs), damaged, lost_s) for question, result in found]
    slos = _slos(db, criteria)
    unmet = [Verdict.UNKNOWN for proof in proofs if not proof.met]
    verdict = combine([*(result.verdict for result in results), *unmet])
    reasons = [f"{result.name}: {result.reason}" for result in results if result.reason]
    reasons += [f"{proof.name}: {proof.text}" for proof in proofs if not proof.met]
    missed = any(each.met is False for each in slos)
    return Judgement(verdict, exit_code(verdict, missed), reasons, results, proofs, slos, left_out)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]


def _run(db: Connection, question: Question) -> Result | None:
    check = question.check
    try:
        return check.judge(db, question.criteria)
    except Exception as error:
        told = _told(error)
        reason = f"the check crashed: {told}"
        return Result(check.name, check.sentence, Verdict.UNKNOWN, reason, evidence={"crashed": told})


def _shown(result: Result, question: Question, proofs: list[Proof]) -> Result:
    """Return the result with the run's evidence for the check added to the check's own evidence."""
    return replace(result, evidence={**result.evidence, **evidence.of_check(proofs, question)})


def _doubted(result: Result, damaged: int, lost_s: float | None) -> Result:
    """Return an `invalid` result as `unknown` where something other than the service may explain the violation.

    Where ops are missing from the history, a missing op may explain the violation. After the store or the ledger was
    lost, its content may be gone, even if it was put in place again; a violation that had shown before the loss is the
    service's own.
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


def _slos(db: Connection, criteria: Criteria) -> list[Slo]:
    try:
        return slo.measure(db, criteria)
    except Exception as error:
        return [Slo("slos", None, None, "", None, f"could not be measured: {_told(error)}")]


def results(db: duckdb.DuckDBPyConnection, judgement: Judgement, criteria: Criteria) -> dict[str, Any]:
    """Return results.json as a dict, with its keys in the order of the file.

    Seconds count from the start of the load.

    Args:
        db: the history.
        judgement: what the run was judged to be.
        criteria: the scenario's thresholds.
    """
    declared = db.execute("SELECT run, scenario, title, seed, platform, command FROM declared").fetchone()
    run, scenario, title, seed, platform, command = declared or (None,) * 6
    return {
        "schema": 1,
        "scenario": scenario,
        "title": criteria.title or title,
        "proves": criteria.proves,
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
    """Return the faults as in results.json.

    `in_flight` counts the ops that are known to have been under way at the target when the fault was injected.
    """
    rows = db.execute("""SELECT fault, kind, role, target, boot, planned_s, injected_ns, landed_ns, healed_ns, failed,
        single AND role = 'replica' FROM fault ORDER BY fault""").fetchall()
    origin = origin_ns(db)
    found = []
    for number, kind, role, target, boot, planned, injected, landed, healed, failed, is_replica in rows:
        flying = 0
        if injected is not None and is_replica:
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
