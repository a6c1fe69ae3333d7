"""Verdict, evidence and SLOs over a whole small run, and every way in which its evidence can be short."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.contract.read import read_contract
from harness.judging.accounting import ACCOUNTING
from harness.judging.check import Question
from harness.judging.criteria import Criteria
from harness.judging.graceful import GRACEFUL
from harness.judging.judge import Judgement, judge, results
from harness.judging.steady import STEADY
from harness.judging.unique_ids import UNIQUE_IDS
from harness.judging.verdict import Verdict
from harness.properties import PROPERTIES
from harness.properties.job import check as job
from harness.properties.session import check as session
from harness.scenario.file import load_scenario
from harness.scenario.questions import CHECKS, criteria_of, questions_of
from tests.support.histories import MS, fault, history

ROOT = Path(__file__).parents[3]
CRITERIA = Criteria(kinds=("session/login", "session/read"), proves="sessions survive a kill", items_per_property=1)
SESSION = PROPERTIES["session"].checks[0]
JOB = PROPERTIES["job"].checks[0]


def question(judged: Any, criteria: Any, of: str, life_s: float | None = None) -> Question:
    """A question of a property, whose items do not depend on the contract."""
    final = judged.final(_Declared(life_s)) if judged.final else None
    return Question(judged.check, criteria, of, judged.items(None), final)


class _Declared:
    """As much of what a contract declares as the session's final reads ask for."""

    def __init__(self, session_ttl_s: float | None) -> None:
        self.promises = self
        self.session_ttl_s = session_ttl_s


QUESTIONS = [
    Question(STEADY, CRITERIA),
    question(SESSION, session.Criteria(session_ttl_s=900, refresh_grace_s=10), "session", 900),
    Question(ACCOUNTING, CRITERIA),
]
LINES = [
    "session/read s0 ok 0-5 phase=steady expect=ok",
    "session/login s1 ok 110-120 replica=replica-1",
    "session/login s2 ok 1300-1310 replica=replica-2",
    "session/read s1 ok 1290-1350 replica=- sent_to=replica-1",
    "session/read s1 ok 1500-1510 replica=replica-2 boot=b2",
    "session/read s1 ok 5100-5110 replica=replica-3 boot=b3 phase=final",
    "session/read s2 ok 5100-5110 replica=replica-3 boot=b3 phase=final",
]
TABLES: dict[str, list[dict[str, Any]]] = {
    "fault": [fault(0, "kill", 1300, 1320, 2500)],
    "load_window": [{"start_ns": 100 * MS, "end_ns": 4_000 * MS}],
    "phase": [
        {"name": name, "at_ns": at * MS}
        for name, at in (("steady", 0), ("load", 100), ("final", 5000), ("tear_down", 5200), ("end", 5300))
    ],
    "summary": [
        {
            "agent": 0,
            "requests": 7,
            "failures": 0,
            "by_kind": json.dumps({"session/login": 2, "session/read": 5}),
            "dropped": 0,
        }
    ],
    "declared": [
        {"run": "r1", "scenario": "kill", "title": "Kill", "seed": 7, "platform": "process", "command": "harness run x",
         "started": "2026", "at_ns": 0}
    ],
}  # fmt: skip


def judged(
    lines: list[str] = LINES,
    criteria: Criteria = CRITERIA,
    questions: list[Question] = QUESTIONS,
    not_tested: dict[str, str] | None = None,
    **tables: Any,
) -> Judgement:
    return judge(history(*lines, **{**TABLES, **tables}), criteria, questions, not_tested)


def test_a_run_with_evidence_is_valid() -> None:
    judgement = judged()
    assert judgement.reasons == []
    assert (judgement.verdict, judgement.exit_code) == (Verdict.VALID, 0)
    assert [result.name for result in judgement.results] == ["steady", "session", "accounting"]
    assert [proof.name for proof in judgement.evidence] == [
        "faults landed",
        "faults healed",
        "killed boots silent",
        "items: session",
        "covered: session",
        "ops in windows",
        "final reads: session",
        "files whole",
    ]
    assert judgement.not_tested == {}


def test_results_hold_what_the_report_shows_and_are_the_same_each_time() -> None:
    db = history(*LINES, **TABLES)
    first = results(db, judge(db, CRITERIA, QUESTIONS), CRITERIA)
    assert json.dumps(results(db, judge(db, CRITERIA, QUESTIONS), CRITERIA)) == json.dumps(first)
    assert list(first) == [
        "schema", "scenario", "title", "proves", "run", "platform", "seed", "verdict", "exit_code", "reasons", "ops",
        "by_kind", "faults", "checks", "evidence", "slos", "not_tested", "phases", "torn_lines", "repeat",
    ]  # fmt: skip
    assert first["ops"] == {"total": 7, "ok": 7, "fail": 0, "info": 0, "reached": 6, "dropped": 0}
    assert first["by_kind"] == [
        {"workload": "session", "kind": "login", "ok": 2, "fail": 0, "info": 0},
        {"workload": "session", "kind": "read", "ok": 5, "fail": 0, "info": 0},
    ]
    assert first["faults"] == [
        {"fault": 0, "kind": "kill", "role": "replica", "target": "replica-1", "planned_s": 1.3, "landed_s": 1.22,
         "healed": True, "healed_s": 2.4, "in_flight": 2, "failed": None}
    ]  # fmt: skip
    assert first["phases"] == [
        {"name": "steady", "seconds": 0.1},
        {"name": "load", "seconds": 4.9},
        {"name": "final", "seconds": 0.2},
        {"name": "tear_down", "seconds": 0.1},
    ]
    assert list(first["checks"][0]) == [
        "name", "property", "verdict", "reason", "examined", "violations", "evidence", "could_have_missed", "witnesses",
        "detected",
    ]  # fmt: skip
    assert (first["scenario"], first["seed"], first["repeat"], first["torn_lines"]) == ("kill", 7, "harness run x", 0)


SHORT: dict[str, tuple[dict[str, Any], list[str]]] = {
    "faults landed: no fault was injected": ({"fault": []}, []),
    "faults landed: 0 of 1 faults landed while the load ran: fault 0 landed outside of the load": (
        {"fault": [fault(0, "kill", 4100, 4120, 4500)]},
        [],
    ),
    "faults landed: 0 of 1 faults landed while the load ran: no such member": (
        {"fault": [fault(0, "kill", 1300, None, None, failed="no such member", injected_ns=None)]},
        [],
    ),
    "faults landed: 0 of 1 faults landed while the load ran: fault 0 was not seen to land": (
        {"fault": [fault(0, "kill", 1300, None, 2500)]},
        [],
    ),
    "faults healed: 0 of 1 injected faults were seen healed; not 0": (
        {"fault": [fault(0, "kill", 1300, 1320, None)]},
        [],
    ),
    "killed boots silent: boot b1 answered 1 ops after kill 0": ({}, ["session/read s1 ok 1400-1410"]),
    "killed boots silent: no boot id of 1 killed replicas is known, so none was seen to be silent": (
        {"fault": [fault(0, "kill", 1300, 1320, 2500, boot=None)]},
        [],
    ),
    "problem: agent_crashed: it fell": ({"problem": [{"kind": "agent_crashed", "text": "it fell", "at_ns": 1}]}, []),
    "files whole: 2 damaged lines within the journals or the ledger's record": (
        {"torn": [{"file": "journal-0.jsonl", "lines": 3, "inner_lines": 2}]},
        [],
    ),
    "final reads: session: 2 of 3 acknowledged items of session were read again after the faults were healed": (
        {},
        ["session/login s3 ok 1400-1410 replica=replica-2 boot=b2"],
    ),
}


@pytest.mark.parametrize("reason", SHORT)
def test_short_evidence_is_unknown_by_name(reason: str) -> None:
    tables, lines = SHORT[reason]
    judgement = judged([*LINES, *lines], **tables)
    assert reason in judgement.reasons
    assert (judgement.verdict, judgement.exit_code) == (Verdict.UNKNOWN, 4)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"items_per_property": 2},
            "items: session: 1 items of session, 2 needed, were acknowledged before a fault "
            "and read after it through another replica",
        ),
        ({"kinds": ("session/logout",)}, "ops in windows: 0 of session/logout in the window of fault 0, 1 needed"),
    ],
)
def test_a_threshold_that_is_not_reached_is_unknown_by_name(change: dict[str, Any], reason: str) -> None:
    judgement = judged(criteria=replace(CRITERIA, **change))
    assert reason in judgement.reasons
    assert judgement.verdict is Verdict.UNKNOWN


def test_each_check_with_items_owes_evidence_of_its_own() -> None:
    judgement = judged(questions=[*QUESTIONS, question(JOB, job.Criteria(), "job")])
    assert "covered: job: 0 of 1 landed faults, 80% needed, have such an item of job" in judgement.reasons


def test_a_read_through_the_replica_that_acknowledged_it_is_no_evidence() -> None:
    lines = [line.replace("replica=replica-3", "replica=replica-1").replace("1500-1510 replica=replica-2", "1500-1510")
             for line in LINES]  # fmt: skip
    assert any(reason.startswith("items: session: 0 items") for reason in judged(lines).reasons)


def test_a_read_before_the_fault_landed_is_no_evidence() -> None:
    lines = [line.replace("1500-1510", "1311-1319").replace("s1 ok 5100-5110", "s9 ok 5100-5110") for line in LINES]
    assert any(reason.startswith("items: session: 0 items") for reason in judged(lines).reasons)


def test_where_no_answer_names_its_replica_it_says_how_to_have_it_named() -> None:
    nameless = [re.sub(r" (replica|boot)=\S+", "", line) + " replica=-" for line in LINES]
    reasons = judged(nameless).reasons
    assert any(reason.startswith("items: session: 0 items") and "`identity.replica`" in reason for reason in reasons)
    assert not any("identity" in reason for reason in judged(LINES[:3]).reasons), "there it is something else"


def test_without_a_declared_fault_it_says_that_it_proves_only_steady_behaviour() -> None:
    judgement = judged(criteria=replace(CRITERIA, expects_faults=False), fault=[])
    assert judgement.verdict is Verdict.VALID
    assert judgement.evidence[0].text == "no fault was declared: this proves only steady behaviour"


def test_a_violation_outweighs_missing_evidence() -> None:
    judgement = judged([*LINES, "session/read s1 absent 2600-2610 boot=b2 replica=replica-2"], fault=[])
    assert (judgement.verdict, judgement.exit_code) == (Verdict.INVALID, 1)


def test_a_violation_in_a_damaged_history_is_unknown() -> None:
    torn = [{"file": "journal-0.jsonl", "lines": 1, "inner_lines": 1}]
    judgement = judged([*LINES, "session/read s1 absent 2600-2610 boot=b2 replica=replica-2"], torn=torn)
    assert judgement.verdict is Verdict.UNKNOWN
    assert "session: violations found (lost (1)), but 1 damaged lines may hide what explains them" in judgement.reasons


def test_a_violation_that_the_loss_of_a_part_may_explain_is_unknown() -> None:
    lost = [*LINES, "session/read s1 absent 2600-2610 boot=b2 replica=replica-2"]
    problem = {"kind": "part_lost", "text": "store exited with status -9", "at_ns": 2700 * MS}
    judgement = judged(lost, problem=[problem])
    assert (judgement.verdict, judgement.exit_code) == (Verdict.UNKNOWN, 4)
    why = "but a part that the service needs was lost during the run, which may be what explains them"
    assert judgement.reasons[0] == f"session: violations found (lost (1)), {why}"
    assert judgement.reasons[-1] == "problem: part_lost: store exited with status -9"
    late = judged(lost, problem=[problem | {"at_ns": 7_700 * MS}])
    assert late.verdict is Verdict.INVALID, "it had shown 5 s before anybody noticed that something was lost"
    assert judged(lost, problem=[problem | {"kind": "environment"}]).verdict is Verdict.INVALID


def test_a_torn_last_line_is_no_damage() -> None:
    torn = [{"file": "journal-0.jsonl", "lines": 1, "inner_lines": 0}]
    assert judged(torn=torn).verdict is Verdict.VALID


def test_a_check_that_crashes_is_unknown() -> None:
    def broken(db: Any, criteria: Any) -> Any:
        raise ZeroDivisionError("by zero")

    questions = [replace(each, check=replace(each.check, judge=broken)) if each.of else each for each in QUESTIONS]
    judgement = judged(questions=questions)
    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.reasons == ["session: the check crashed: ZeroDivisionError: by zero"]
    assert judgement.results[1].evidence["crashed"] == "ZeroDivisionError: by zero"


def test_killed_workers_answer_nobody_and_show_nothing() -> None:
    faults = [*TABLES["fault"], fault(1, "kill", 1300, 1320, 2500, role="worker", target="worker-1", boot=None)]
    silent = next(proof for proof in judged(fault=faults).evidence if proof.name == "killed boots silent")
    assert (silent.needed, silent.found, silent.met) == (1, 1, True)


def test_every_check_shows_its_evidence() -> None:
    shown = {result.name: result.evidence for result in judged().results}
    assert shown == {
        "steady": {"kinds": "session/read"},
        "session": {
            "items": "1 found, 1 needed",
            "covered": "1 found, 0.8 needed",
            "final_reads": "2 found, 2 needed",
        },
        "accounting": {"compared_with": "Locust; no metrics"},
    }


def test_no_check_is_without_evidence_even_when_nothing_happened() -> None:
    contract = read_contract(ROOT / "target_service" / "contract.yaml")
    scenario = load_scenario(ROOT / "scenarios" / "kill.yaml").scenario
    mix = dict.fromkeys(PROPERTIES, 1.0)
    everything = scenario.model_copy(update={"load": scenario.load.model_copy(update={"mix": mix})})
    questions, not_tested = questions_of(everything, contract)
    assert [each.name for each in questions] == list(CHECKS), "every check is asked"
    assert not_tested == {}
    criteria = replace(criteria_of(everything, contract), expects_faults=False)
    for tables in ({"fault": []}, {"fault": [fault(0, "stop", 1300, 1320, 2500)]}):
        results = judged(criteria=criteria, questions=questions, **tables).results
        assert [result.name for result in results if not result.evidence] == []


def test_evidence_that_cannot_be_gathered_is_said_at_each_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(db: Any, criteria: Any, questions: Any) -> Any:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("harness.judging.evidence.gather", broken)
    judgement = judged()
    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.results[1].evidence == {"evidence": "could not be gathered: ZeroDivisionError: by zero"}


def test_what_cannot_be_tested_is_said() -> None:
    graceful = Question(GRACEFUL, CRITERIA, not_exercised="no graceful stop of a replica was in the schedule")
    ids = Question(UNIQUE_IDS, CRITERIA, gaps={"unique_ids: of others": "not promised"})
    left_out = {"hostile": "the scenario's mix has no hostile"}
    judgement = judged(questions=[*QUESTIONS, graceful, ids], not_tested=left_out)
    assert judgement.not_tested == {
        "hostile": "the scenario's mix has no hostile",
        "graceful": "no graceful stop of a replica was in the schedule",
        "unique_ids: of others": "not promised",
    }


def slos(judgement: Judgement) -> dict[str, tuple[float | None, bool | None]]:
    return {each.name: (each.measured, each.met) for each in judgement.slos}


def test_slos_are_measured_and_a_missed_one_exits_3() -> None:
    lines = [*LINES, "session/read s2 error 1700-1800 replica=- boot=-"]
    criteria = replace(
        CRITERIA, slos={"availability": 0.9, "recovery_s": 0.5, "latency_p99_ms": 20, "latency_p50_ms": 20}
    )
    summary = [{**TABLES["summary"][0], "requests": 8, "by_kind": '{"session/login": 2, "session/read": 6}'}]
    judgement = judged(lines, criteria, summary=summary)
    assert judgement.reasons == []
    assert slos(judgement) == {
        "availability": (0.8, False),
        "recovery_s": (0.4, True),
        "latency_p50_ms": (10.0, True),
        "latency_p99_ms": (60.0, False),
    }
    assert (judgement.verdict, judgement.exit_code) == (Verdict.VALID, 3)


def test_latency_of_an_agent_that_lagged_is_unknown() -> None:
    criteria = replace(CRITERIA, slos={"latency_p99_ms": 1})
    judgement = judged(criteria=criteria, lag=[{"at_ns": 1, "ms": 900.0}])
    assert slos(judgement)["latency_p99_ms"] == (None, None)
    assert judgement.exit_code == 0


def test_latency_from_the_intended_time_is_measured_in_the_open_model() -> None:
    lines = [line + f" intended_ns={1000 * MS}" if "1500-1510" in line else line for line in LINES]
    assert slos(judged(lines))["intended_p99_ms"] == (510.0, None)
