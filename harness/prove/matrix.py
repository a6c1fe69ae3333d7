"""What `harness prove` found, as a matrix of defects and checks: a document, and the folder that keeps the document.

reports/prove/<UTC time>/   matrix.json  matrix.html
reports/prove/latest        link to the newest
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import rundir
from harness.prove.prover import Finding
from harness.report import matrix_page
from harness.rundir import files
from harness.scenario.catalogue import Defect
from harness.scenario.questions import CHECKS


@dataclass(frozen=True)
class Header:
    """The head of a matrix: what was asked for, and how long it took.

    Attributes:
        service: the name of the service, as its contract says it.
        started: when the first run began, UTC, as "2026-01-31T12:00:00Z".
        seconds: how long all runs took together.
        repeat: how often each defect was run.
        jobs: how many runs went on at once.
        seed: the seed of the first run of each defect.
        quick: whether only the defects were run that the catalogue marks as quick.
        platform: where the targets ran; None for each scenario's own platform.
    """

    service: str
    started: str
    seconds: float
    repeat: int
    jobs: int
    seed: int
    quick: bool
    platform: str | None = None


def document(findings: list[Finding], waiting: list[Defect], header: Header) -> dict[str, Any]:
    """Return the content of matrix.json.

    A defect is `caught` if its own check caught it in every run. Each run of it says after how many seconds of load
    (`at_s`) and after how many operations (`ops`) that check had its first violation.

    Args:
        findings: what came of each run.
        waiting: the defects that were left out, because what shows them reliably does not exist yet.
        header: what was asked for.
    """
    names = list(dict.fromkeys(finding.trial.defect.name for finding in findings if finding.trial.defect))
    rows = [_defect([f for f in findings if f.trial.defect and f.trial.defect.name == name]) for name in names]
    scenarios = list(dict.fromkeys(finding.trial.scenario for finding in findings if not finding.trial.defect))
    clean = [_clean([f for f in findings if not f.trial.defect and f.trial.scenario == name]) for name in scenarios]
    used = {row["expected_check"] for row in rows} | {name for finding in findings for name in finding.by}
    return {
        "schema": 1,
        "service": header.service,
        "started": header.started,
        "seconds": round(header.seconds, 1),
        "repeat": header.repeat,
        "jobs": header.jobs,
        "seed": header.seed,
        "quick": header.quick,
        "platform": header.platform,
        "caught": sum(row["caught"] for row in rows),
        "total": len(rows),
        "false_alarms": sum(not finding.right for finding in findings if not finding.trial.defect),
        "checks": [name for name in CHECKS if name in used] + sorted(used - CHECKS.keys()),
        "defects": rows,
        "clean": clean,
        "waiting": [{"name": each.name, "title": each.title, "waits_for": each.waits_for} for each in waiting],
    }


def _defect(findings: list[Finding]) -> dict[str, Any]:
    defect = findings[0].trial.defect
    assert defect
    return {
        "name": defect.name,
        "title": defect.title,
        "what": defect.what,
        "seen_in": defect.seen_in,
        "of_deployment": defect.deployment is not None,
        "scenario": defect.scenario,
        "expected_check": defect.check,
        "caught": all(finding.right for finding in findings),
        "runs": [
            {
                **_run(finding),
                "caught": finding.right,
                **{key: finding.detected.get(defect.check, {}).get(key) for key in ("at_s", "ops")},
            }
            for finding in findings
        ],
    }


def _clean(findings: list[Finding]) -> dict[str, Any]:
    valid = all(finding.right for finding in findings)
    return {"scenario": findings[0].trial.scenario, "valid": valid, "runs": [_run(finding) for finding in findings]}


def _run(finding: Finding) -> dict[str, Any]:
    return {
        "seed": finding.trial.seed,
        "verdict": finding.verdict,
        "exit_code": finding.exit_code,
        "by": {name: finding.detected.get(name) for name in finding.by},
        "seconds": finding.seconds,
        "folder": finding.folder,
    }


def write(found: dict[str, Any], reports: Path) -> Path:
    """Write matrix.json and matrix.html into a new folder below `reports`, and return the path of the page.

    Raises:
        EnvironmentFailure: the folder or a file cannot be written.
    """
    folder = rundir.create_plain(reports, "prove")
    rundir.write_whole(folder / files.MATRIX, json.dumps(found, indent=2, ensure_ascii=False).encode() + b"\n")
    rundir.write_whole(folder / files.MATRIX_PAGE, matrix_page.render(found).encode())
    return folder / files.MATRIX_PAGE
