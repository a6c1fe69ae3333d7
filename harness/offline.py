"""Judge a run from its folder alone: build the history, run the checks, write results.json and report.html.

A run does this at its end. `harness check` does it again later and gets the same bytes, because nothing is read except
the folder: no clock, no host name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness import history, rundir
from harness.contract.read import read_contract
from harness.errors import UsageError
from harness.judging.judge import judge, results
from harness.report import html
from harness.rundir import files
from harness.scenario.file import Scenario
from harness.scenario.questions import criteria_of, questions_of, vocabulary
from harness.yamlfile import read, validate

EXIT_CODES = {"environment": 5, "recovered": 5, "interrupted": 130}


def check_folder(folder: Path) -> dict[str, Any]:
    """Judge a run from its folder, and write results.json and history.parquet anew.

    Args:
        folder: the run folder.

    Returns:
        The content of results.json.

    Raises:
        UsageError: `folder` is no run folder, a file in it is cut or missing, or its scenario or contract is unusable.
    """
    rundir.require_whole(rundir.require(folder))
    scenario = validate(read(folder / files.SCENARIO, "scenario"), Scenario, "scenario")
    try:
        contract = read_contract(folder / files.CONTRACT).promising(scenario.target.promises)
    except ValueError as error:
        raise UsageError(f"{folder / 'scenario.yaml'}: target.promises cannot be promised: {error}") from None
    events = rundir.events(folder / files.RUN)
    if any(folder.glob(files.JOURNALS)):
        with history.build(folder, vocabulary()) as db:
            criteria = criteria_of(scenario, contract)
            questions, not_tested = questions_of(scenario, contract)
            found = results(db, judge(db, criteria, questions, not_tested), criteria)
    else:
        found = _nothing_recorded(scenario, events)
    told = [str(event["text"]) for event in events if event.get("e") == "problem" and "text" in event]
    if told and not _last(events, "window"):
        # The load never began: that alone is why the evidence falls short, so the shortfalls are no further reasons.
        shortfalls = {f"{proof['name']}: {proof['text']}" for proof in found["evidence"] if not proof["met"]}
        others = [reason for reason in found["reasons"] if reason not in shortfalls]
        found["reasons"] = list(dict.fromkeys([*told, *others]))
    found["exit_code"] = EXIT_CODES.get(_last(events, "ended").get("how", ""), found["exit_code"])
    rundir.write_whole(folder / files.RESULTS, json.dumps(found, indent=2, ensure_ascii=False).encode() + b"\n")
    return found


def _last(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next((event for event in reversed(events) if event.get("e") == kind), {})


def _nothing_recorded(scenario: Scenario, events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the results of a run that ended before its first operation: the verdict is `unknown`, with the reasons."""
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
    """Write report.html of a run from its folder alone.

    Args:
        folder: the run folder.

    Returns:
        The path of the report.

    Raises:
        UsageError: `folder` is no run folder, or the run was never judged.
    """
    return html.write(rundir.require(folder))
