"""Between the command line and the run: what an entry point asks for, in plain calls."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.catalogue import Defect, known, read_catalogue
from harness.console import Progress
from harness.contract.model import Contract
from harness.contract.read import read_contract, read_users
from harness.document import nearest, read
from harness.errors import UsageError
from harness.platforms import PLATFORMS
from harness.prove import Finding, Prover, as_json, trials_for
from harness.run import Options, Outcome, run
from harness.scenario import Scenario, load_scenario
from harness.signals import Stoppable

REFERENCE_CONTRACT = Path("target_service/contract.yaml")


def run_scenario(
    path: Path, seed: int | None, platform: str | None, defects: list[str], reports: Path, quiet: bool
) -> Outcome:
    """Load and run one scenario.

    Raises:
        UsageError: before anything was started.
    """
    loaded = load_scenario(path)
    if platform is not None and platform not in PLATFORMS:
        raise UsageError(f"--platform: {platform!r} is no platform{nearest(platform, PLATFORMS)}")
    if defects:
        known(read_catalogue(loaded.contract, loaded.contract_path), defects)
    effective = loaded.scenario.seed if seed is None else seed
    words = ["harness", "run", str(path), "--seed", str(effective)]
    words += ["--platform", platform] if platform else []
    words += [word for name in defects for word in ("--defect", name)]
    options = Options(seed, platform, defects, reports, shlex.join(words))
    with Progress(quiet=quiet) as progress, Stoppable(lambda text: progress.event("problem", text)) as stoppable:
        return run(loaded, options, progress, stoppable)


def problems_of(path: Path) -> list[str]:
    """Every problem of a scenario or contract file; which it is, its keys tell."""
    try:
        document = read(path, "scenario or contract")
        of_contract, of_scenario = (len(document.data.keys() & set(kind.model_fields)) for kind in (Contract, Scenario))
        if of_contract > of_scenario:
            contract = read_contract(path)
            read_users(contract, path)
            read_catalogue(contract, path)
        else:
            load_scenario(path)
    except UsageError as error:
        return error.problems or [str(error)]
    return []


def prove_defects(
    contract: Path | None, only: list[str], repeat: int, jobs: int, seed: int, reports: Path, say: Callable[[str], None]
) -> dict[str, Any]:
    """Run every defect of the contract's catalogue and the clean service; the document of `harness prove --json`.

    Raises:
        UsageError: no such contract, catalogue or defect.
    """
    path = contract or REFERENCE_CONTRACT
    read_one = read_contract(path)
    defects = read_catalogue(read_one, path)
    if not defects:
        raise UsageError(f"{path}: names no catalogue of defects. Add `defects: {{catalogue: FILE}}`.")
    known(defects, only)
    chosen = [defect for defect in defects if not only or defect.name in only]
    prover = Prover((path.parent / read_one.start.directory).resolve(), reports, jobs)
    findings = prover.prove(trials_for(chosen, repeat, seed), lambda finding: say(line_of(finding)))
    return as_json(findings)


def line_of(finding: Finding) -> str:
    """One line a finding, for a person."""
    defect: Defect | None = finding.trial.defect
    mark = "✓" if finding.right else "✗"
    what = f"{defect.name} (by {defect.check})" if defect else f"clean {finding.trial.scenario}"
    by = f" by {', '.join(finding.by)}" if finding.by else ""
    return f"{mark} {what}: {finding.verdict}{by}, {finding.seconds:.0f} s, {finding.folder}"
