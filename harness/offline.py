"""From a run folder alone to its verdict: history, checks, results.json, report.html.

`harness check` calls it again offline and gets the same bytes: nothing but the folder is read, and no clock.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from harness import history, rundir
from harness.contract.model import Contract
from harness.contract.read import read_contract
from harness.errors import UsageError
from harness.http.operation import Operation
from harness.judging.criteria import Terms
from harness.judging.judge import judge, results
from harness.properties.registry import WORKLOADS
from harness.report import html
from harness.scenario.file import Scenario
from harness.yamlfile import read, validate

OPERATION_OF = {
    "login": "session.login",
    "read": "session.read",
    "refresh": "session.refresh",
    "logout": "session.logout",
    "forge": "session.read",
    "forge_pay": "idempotency.pay",
    "pay": "idempotency.pay",
    "effects": "idempotency.effects",
    "place": "order.place",
    "inspect": "order.show",
    "submit": "job.submit",
    "status": "job.status",
    "cancel": "job.cancel",
    "add": "cart.add",
    "look": "cart.show",
    "remove": "cart.remove",
    "get": "preference.get",
    "put": "preference.put",
    "hit": "limit.hit",
    "whoami": "access.whoami",
    "see_own": "access.user",
    "see_other": "access.user",
    "key_create": "access.key_create",
    "key_use": "access.key_use",
    "key_revoke": "access.key_revoke",
    "logout_all": "access.logout_all",
    "grant": "access.grant",
    "usurp": "access.grant",
    "signup": "users.signup",
}
EXIT_CODES = {"environment": 5, "recovered": 5, "interrupted": 130}
GRACEFUL = ("stop", "scale", "restart", "roll", "switch")
CHECK_NEEDS = {
    "refresh": ("sessions", "session.refresh", "the contract has no `session.refresh`"),
    "idempotency": ("payments", "idempotency.pay", "the contract has no `idempotency`"),
    "order": ("orders", "order.place", "the contract has no `order`"),
    "job": ("jobs", "job.submit", "the contract has no `job`"),
    "cart": ("cart", "cart.add", "the contract has no `cart`"),
    "preference": ("preferences", "preference.put", "the contract has no `preference`"),
    "rate_limit": ("limits", "limit.hit", "the contract has no `limit`"),
    "access": ("access", "access.user", "the contract has no `access`"),
}


def terms_of(scenario: Scenario, contract: Contract) -> Terms:
    """What the checks judge by: the contract's promises and the scenario's thresholds."""
    mix = [name for name, weight in scenario.load.mix.items() if weight > 0]
    properties, not_tested = _properties(scenario, contract, mix)
    promises = contract.promises.model_dump()
    promises.pop("quiet_deadline_s", None)
    evidence = scenario.evidence
    slos = scenario.slos.model_dump(exclude_none=True)
    lag_bound_ms = slos.pop("lag_ms")
    idempotency = contract.idempotency
    payment_effects = idempotency.effects if idempotency else "nowhere"
    return Terms(
        properties=frozenset(properties),
        not_tested=not_tested,
        kinds=tuple(f"{name}/{kind}" for name in sorted(mix) for kind in WORKLOADS[name].kinds(contract)),
        proves=scenario.proves,
        title=scenario.title,
        payment_effects="listing" if isinstance(payment_effects, Operation) else payment_effects,
        order_effects=contract.order.effects if contract.order else "nowhere",
        job_effects=contract.job.effects if contract.job else "nowhere",
        expects_faults=bool(scenario.faults),
        items_per_property=evidence.items_per_property,
        faults_covered=evidence.faults_covered,
        ops_per_window=evidence.ops_per_window,
        faults_landed=evidence.faults_landed,
        slos=slos,
        lag_bound_ms=lag_bound_ms,
        metrics=contract.metrics is not None,
        metric_kinds=_metric_kinds(contract),
        **promises,
    )


def _properties(scenario: Scenario, contract: Contract, mix: list[str]) -> tuple[list[str], dict[str, str]]:
    found = ["session"]
    not_tested: dict[str, str] = {}
    operations = contract.operations()
    for name, (workload, place, missing) in CHECK_NEEDS.items():
        if place not in operations:
            not_tested[name] = missing
        elif workload not in mix:
            not_tested[name] = f"the scenario's mix has no {workload}"
        else:
            found.append(name)
    pays_ids = "payments" in mix and contract.idempotency and "id" in contract.idempotency.pay.extract
    if pays_ids or {"jobs", "cart", "orders"} & set(mix):
        found.append("unique_ids")
    else:
        not_tested["unique_ids"] = "no operation of the mix hands out ids"
    if "hostile" in mix:
        found.append("hostile")
    else:
        not_tested["hostile"] = "the scenario's mix has no hostile"
    for name, promise in (("session: expiry", "session_ttl_s"), ("refresh: expiry", "refresh_ttl_s")):
        if getattr(contract.promises, promise) is None:
            not_tested[name] = f"not promised: the contract names no {promise}"
    if "refresh" in found and contract.promises.refresh_grace_s is None:
        not_tested["refresh: lost replies"] = "not promised: the contract names no refresh_grace_s"
    if "refresh" in found and not contract.promises.refresh_reuse_revokes:
        not_tested["refresh: reuse"] = "not promised: the contract says no refresh_reuse_revokes"
    if "idempotency" in found and not contract.promises.keys_per_user:
        not_tested["idempotency: one key of two users"] = "not promised: the contract says no keys_per_user"
    for name, what in (("grant", "roles"), ("key_create", "API keys"), ("logout_all", "the end of all sessions")):
        if "access" in found and f"access.{name}" not in operations:
            not_tested[f"access: {what}"] = f"the contract has no `access.{name}`"
    if any(fault.get("kind") in GRACEFUL and fault.get("role") != "worker" for fault in scenario.faults):
        found.append("graceful")
    else:
        not_tested["graceful"] = "no graceful stop in the schedule"
    return found, not_tested


def _metric_kinds(contract: Contract) -> tuple[str, ...] | None:
    """Which ops the service's own counter counts: those whose path is one of the routes it is asked for."""
    if contract.metrics is None:
        return None

    def shape(path: str) -> str:
        return re.sub(r"\{[^}]*\}", "{}", path.partition("?")[0])

    routes = {shape(route) for route in contract.metrics.routes}
    operations = contract.operations()
    return tuple(
        f"{workload}/{kind}"
        for workload in ("users", *sorted(WORKLOADS))
        for kind, place in OPERATION_OF.items()
        if place in operations and shape(operations[place].path) in routes
    )


def check_folder(folder: Path) -> dict[str, Any]:
    """Judge a run again from its folder; results.json and history.parquet are written anew.

    Raises:
        UsageError: not a run folder, a cut one, or its scenario or contract cannot be read.
    """
    rundir.require_whole(rundir.require(folder))
    scenario = validate(read(folder / "scenario.yaml", "scenario"), Scenario, "scenario")
    try:
        contract = read_contract(folder / "contract.yaml").promising(scenario.target.promises)
    except ValueError as error:
        raise UsageError(f"{folder / 'scenario.yaml'}: target.promises cannot be promised: {error}") from None
    terms = terms_of(scenario, contract)
    events = rundir.events(folder / "run.jsonl")
    if any(folder.glob("journal-*.jsonl")):
        with history.build(folder) as db:
            found = results(db, judge(db, terms), terms)
    else:
        found = _nothing_recorded(scenario, events)
    told = [str(event["text"]) for event in events if event.get("e") == "problem" and "text" in event]
    if told and not _last(events, "window"):
        # What a load would have shown is missing for one reason alone.
        shortfalls = {f"{proof['name']}: {proof['text']}" for proof in found["evidence"] if not proof["met"]}
        others = [reason for reason in found["reasons"] if reason not in shortfalls]
        found["reasons"] = list(dict.fromkeys([*told, *others]))
    found["exit_code"] = EXIT_CODES.get(_last(events, "ended").get("how", ""), found["exit_code"])
    rundir.write_whole(folder / "results.json", json.dumps(found, indent=2, ensure_ascii=False).encode() + b"\n")
    return found


def _last(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next((event for event in reversed(events) if event.get("e") == kind), {})


def _nothing_recorded(scenario: Scenario, events: list[dict[str, Any]]) -> dict[str, Any]:
    """The results of a run that ended before its first operation: unknown, and why."""
    declared = _last(events, "declared")
    problems = [str(event.get("text")) for event in events if event.get("e") == "problem"]
    return {
        "schema": 1,
        "scenario": declared.get("scenario", ""),
        "title": scenario.title,
        "proves": scenario.proves,
        "run": declared.get("run", ""),
        "platform": declared.get("platform", ""),
        "seed": declared.get("seed", scenario.seed),
        "verdict": "unknown",
        "exit_code": 4,
        "reasons": problems or ["the run ended before its first operation"],
        "ops": dict.fromkeys(("total", "ok", "fail", "info", "reached", "dropped"), 0),
        "by_kind": [],
        "faults": [],
        "checks": [],
        "evidence": [],
        "slos": [],
        "not_tested": [],
        "phases": [],
        "torn_lines": 0,
        "repeat": declared.get("command", ""),
    }


def report_folder(folder: Path) -> Path:
    """Write the report of a run from its folder alone.

    Raises:
        UsageError: not a run folder, or it was never checked.
    """
    return html.write(rundir.require(folder))
