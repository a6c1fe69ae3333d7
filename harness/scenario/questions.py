"""Derive from a scenario and its contract what is asked of the run's history: which checks, by which criteria.

vocabulary()                      what the names in a run folder mean
criteria_of(scenario, contract)   what the general checks, the evidence and the objectives judge by
questions_of(scenario, contract)  the checks that apply, and why the others do not
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from harness.contract.model import Contract
from harness.faults import FAULTS
from harness.history import FaultFacts, SessionUse, Vocabulary
from harness.http.operation import Operation
from harness.judging import graceful
from harness.judging.accounting import ACCOUNTING
from harness.judging.check import Check, Question
from harness.judging.criteria import Criteria
from harness.judging.graceful import GRACEFUL
from harness.judging.steady import STEADY
from harness.judging.unique_ids import UNIQUE_IDS
from harness.properties import PROPERTIES, renamed
from harness.properties.visitor import LOGIN, LOGIN_AT, SIGNUP, SIGNUP_AT
from harness.scenario.file import Scenario

CHECKS: dict[str, Check] = {
    each.name: each
    for each in (
        STEADY,
        *(judged.check for each in PROPERTIES.values() for judged in each.checks),
        UNIQUE_IDS,
        GRACEFUL,
        ACCOUNTING,
    )
}
"""Every check by its name, in the order of the results: those of the properties stand between the general ones."""


def vocabulary() -> Vocabulary:
    """Return what the names in a run folder mean, as the registered properties and faults declare it."""
    sessions: dict[str, SessionUse] = {f"*/{LOGIN}": "begin"}
    for name, each in PROPERTIES.items():
        sessions |= {f"{name}/{kind}": facts.session for kind, facts in each.kinds.items() if facts.session != "read"}
    faults = {
        kind: FaultFacts(
            graceful=fault.graceful,
            rough=fault.rough,
            ends_life=fault.ends_life,
            renews=fault.renews,
            idle=fault.idle,
            single=fault.needs_target,
        )
        for kind, fault in FAULTS.items()
    }
    return Vocabulary(sessions, faults, renamed())


def criteria_of(scenario: Scenario, contract: Contract) -> Criteria:
    """Return what the general checks, the evidence and the service-level objectives judge by.

    Args:
        scenario: the scenario of the run.
        contract: the contract of the service.
    """
    evidence = scenario.evidence
    slos = scenario.slos.model_dump(exclude_none=True)
    lag_bound_ms = slos.pop("lag_ms")
    operations = contract.operations()
    return Criteria(
        title=scenario.title,
        proves=scenario.proves,
        kinds=tuple(
            f"{name}/{kind}"
            for name in sorted(scenario.properties)
            for kind, facts in PROPERTIES[name].kinds.items()
            if facts.in_every_window and facts.operation in operations
        ),
        expects_faults=bool(scenario.faults),
        items_per_property=evidence.items_per_property,
        faults_covered=evidence.faults_covered,
        ops_per_window=evidence.ops_per_window,
        faults_landed=evidence.faults_landed,
        slos=slos,
        lag_bound_ms=lag_bound_ms,
        metrics=contract.metrics is not None,
        metric_kinds=_metric_kinds(contract),
    )


def questions_of(scenario: Scenario, contract: Contract) -> tuple[list[Question], dict[str, str]]:
    """Return the checks that apply to a run, and those that do not.

    Args:
        scenario: the scenario of the run.
        contract: the contract of the service.

    Returns:
        The checks that apply, each with what it judges by; and the reason for each check that does not apply, by name.
    """
    criteria = criteria_of(scenario, contract)
    operations = contract.operations()
    found = [Question(STEADY, criteria)]
    asked, not_tested = _of_properties(scenario, contract, operations)
    found += asked
    if _hands_out_ids(scenario.properties, operations):
        found.append(Question(UNIQUE_IDS, criteria))
    else:
        not_tested[UNIQUE_IDS.name] = "no operation of the mix hands out ids"
    if any(_asks_a_replica_to_end(fault) for fault in scenario.faults):
        found.append(Question(GRACEFUL, criteria, not_exercised=graceful.NOT_TESTED))
    else:
        not_tested[GRACEFUL.name] = "no graceful stop in the schedule"
    return [*found, Question(ACCOUNTING, criteria)], not_tested


def _of_properties(
    scenario: Scenario, contract: Contract, operations: Mapping[str, Operation]
) -> tuple[list[Question], dict[str, str]]:
    found: list[Question] = []
    not_tested: dict[str, str] = {}
    for name, each in PROPERTIES.items():
        declared = contract.declared(name)
        for judged in each.checks:
            if judged.needs and judged.needs not in operations:
                missing = name if declared.section is None else judged.needs
                not_tested[judged.check.name] = f"the contract has no `{missing}`"
            elif name not in scenario.properties and not judged.always:
                not_tested[judged.check.name] = f"the scenario's mix has no {name}"
            else:
                items, final, gaps = judged.items(declared), judged.final(declared), judged.gaps(declared)
                found.append(Question(judged.check, judged.criteria(declared), name, items, final, gaps))
    return found, not_tested


def _hands_out_ids(mix: Collection[str], operations: Mapping[str, Operation]) -> bool:
    return any(
        facts.gives_id and facts.operation in operations and "id" in operations[facts.operation].extract
        for name in mix
        for facts in PROPERTIES[name].kinds.values()
    )


def _asks_a_replica_to_end(fault: Mapping[str, Any]) -> bool:
    kind = FAULTS.get(str(fault.get("kind")))
    return kind is not None and kind.graceful and fault.get("role") != "worker"


def _metric_kinds(contract: Contract) -> tuple[str, ...] | None:
    """Return the `property/kind` of the ops that the service's own counter counts; None when the contract has none.

    These are the ops whose path is one of the routes that the contract's `metrics` lists.
    """
    if contract.metrics is None:
        return None

    def shape(path: str) -> str:
        return re.sub(r"\{[^}]*\}", "{}", path.partition("?")[0])

    routes = {shape(route) for route in contract.metrics.routes}
    operations = contract.operations()
    places = {f"users/{SIGNUP}": SIGNUP_AT}
    for name, each in PROPERTIES.items():
        places[f"{name}/{LOGIN}"] = LOGIN_AT
        places |= {f"{name}/{kind}": facts.operation for kind, facts in each.kinds.items()}
    return tuple(
        kind for kind, place in places.items() if place in operations and shape(operations[place].path) in routes
    )
