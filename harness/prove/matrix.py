"""What `harness prove` found, as a matrix of defects and checks: a document, and the folder it is kept in.

reports/prove/<UTC time>/   matrix.json  matrix.html
reports/prove/latest        link to the newest
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import rundir
from harness.contract.catalogue import Defect
from harness.prove.prover import Finding
from harness.report import matrix_page
from harness.scenario.questions import CHECKS


@dataclass(frozen=True)
class Asked:
    """What was asked for. `platform`: not each scenario's own. `started` is UTC, `seconds` how long all of it took."""

    service: str
    started: str
    seconds: float
    repeat: int
    jobs: int
    seed: int
    quick: bool
    platform: str | None = None


def document(findings: list[Finding], waiting: list[Defect], asked: Asked) -> dict[str, Any]:
    """matrix.json. A defect is `caught` if its own check caught it in every run; `at_s` and `ops` are of each run."""
    names = list(dict.fromkeys(finding.trial.defect.name for finding in findings if finding.trial.defect))
    rows = [_defect([f for f in findings if f.trial.defect and f.trial.defect.name == name]) for name in names]
    scenarios = list(dict.fromkeys(finding.trial.scenario for finding in findings if not finding.trial.defect))
    clean = [_clean([f for f in findings if not f.trial.defect and f.trial.scenario == name]) for name in scenarios]
    used = {row["expected_check"] for row in rows} | {name for finding in findings for name in finding.by}
    return {
        "schema": 1,
        "service": asked.service,
        "started": asked.started,
        "seconds": round(asked.seconds, 1),
        "repeat": asked.repeat,
        "jobs": asked.jobs,
        "seed": asked.seed,
        "quick": asked.quick,
        "platform": asked.platform,
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
    """Write both files into a new folder; the path of the page.

    Raises:
        EnvironmentFailure: they cannot be written.
    """
    folder = rundir.create_plain(reports, "prove")
    rundir.write_whole(folder / "matrix.json", json.dumps(found, indent=2, ensure_ascii=False).encode() + b"\n")
    rundir.write_whole(folder / "matrix.html", matrix_page.render(found).encode())
    return folder / "matrix.html"
