"""Between the command line and the run: what an entry point asks for, in plain calls."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.cli.console import Progress
from harness.contract.catalogue import Defect, Seeded, known, read_catalogue, seeded
from harness.contract.model import Contract
from harness.contract.read import read_contract, read_users
from harness.errors import UsageError
from harness.platforms import PLATFORMS
from harness.prove import matrix
from harness.prove.prover import Finding, Prover, chosen, exit_code, trials_for
from harness.recovery.engines import missing
from harness.run.phases import Options, Outcome, run
from harness.scenario.file import LoadedScenario, Scenario, load_scenario
from harness.scenario.preflight import require_fit
from harness.signals import Stoppable
from harness.yamlfile import nearest, read

REFERENCE_CONTRACT = Path("target_service/contract.yaml")


def run_scenario(
    path: Path,
    seed: int | None,
    platform: str | None,
    defects: list[str],
    reports: Path,
    quiet: bool,
    allowed: list[str],
) -> Outcome:
    """Load and run one scenario, as the last thing of the process: afterwards signals are ignored.

    `allowed` names targets that the harness did not create, or that are elsewhere.

    Raises:
        UsageError: before anything was started.
    """
    progress = Progress(quiet=quiet)
    with Stoppable(lambda text: progress.event("problem", text), last=True) as stoppable:
        loaded = load_scenario(path)
        known_platform(platform)
        given = Seeded()
        if defects:
            catalogue = read_catalogue(loaded.contract, loaded.contract_path)
            known(catalogue, defects)
            given = seeded(catalogue, defects)
        effective = loaded.scenario.seed if seed is None else seed
        words = ["harness", "run", str(path), "--seed", str(effective)]
        words += ["--platform", platform] if platform else []
        words += [word for name in defects for word in ("--defect", name)]
        words += [word for name in allowed for word in ("--allow-target", name)]
        options = Options(seed, platform, defects, reports, shlex.join(words), given, allowed)
        with progress:
            return run(loaded, options, progress, stoppable)


def problems_of(path: Path, platform: str | None = None) -> list[str]:
    """Every problem of a scenario or contract file; which it is, its keys tell.

    Of a scenario also what `platform` (None: the scenario's own) or the contract's part for it lacks.
    """
    try:
        document = read(path, "scenario or contract")
        of_contract, of_scenario = (len(document.data.keys() & set(kind.model_fields)) for kind in (Contract, Scenario))
        if of_contract > of_scenario:
            contract = read_contract(path)
            read_users(contract, path)
            read_catalogue(contract, path)
        else:
            loaded = load_scenario(path)
            return _unfit(loaded, platform or loaded.scenario.platform)
    except UsageError as error:
        return error.problems or [str(error)]
    return []


def _unfit(loaded: LoadedScenario, platform: str) -> list[str]:
    attached = loaded.contract.start.attached_to(platform)
    try:
        # Whether a target of somebody else's may be broken is asked when it is to be.
        require_fit(loaded, PLATFORMS[platform](), allowed=[attached] if attached else ())
    except UsageError as error:
        return [f"{loaded.path}: platform: {why}" for why in error.problems]
    return []


@dataclass(frozen=True)
class ProveOptions:
    """What `harness prove` was asked for."""

    contract: Path | None
    only: list[str]
    quick: bool
    repeat: int
    jobs: int
    seed: int
    reports: Path
    platform: str | None = None


def prove_defects(options: ProveOptions, say: Callable[[str], None]) -> tuple[dict[str, Any], Path, int]:
    """Run the defects of the contract's catalogue and the clean service: the matrix, its page, and the exit code.

    Raises:
        UsageError: no such contract, catalogue, defect or platform.
    """
    known_platform(options.platform)
    path = options.contract or REFERENCE_CONTRACT
    contract = read_contract(path)
    defects = read_catalogue(contract, path)
    if not defects:
        raise UsageError(f"{path}: names no catalogue of defects. Add `defects: {{catalogue: FILE}}`.")
    known(defects, options.only)
    wanted = chosen(defects, options.only, options.quick)
    if not wanted:
        raise UsageError(f"{path}: its catalogue has no defect to run. Mark some with `quick: true`, or name one.")
    started, begun = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), time.monotonic()
    prover = Prover((path.parent / contract.start.directory).resolve(), options.reports, options.jobs, options.platform)
    trials = trials_for(wanted, options.repeat, options.seed)
    findings = prover.prove(trials, lambda finding: say(line_of(finding)))
    asked = matrix.Asked(
        contract.service,
        started,
        time.monotonic() - begun,
        options.repeat,
        options.jobs,
        options.seed,
        options.quick,
        options.platform,
    )
    waiting = [defect for defect in defects if defect.waits_for and defect not in wanted]
    found = matrix.document(findings, waiting, asked)
    return found, matrix.write(found, options.reports), exit_code(findings)


def known_platform(name: str | None) -> None:
    """Raises `UsageError` where there is no such platform; None stands for each scenario's own."""
    if name is not None and name not in PLATFORMS:
        raise UsageError(f"--platform: {name!r} is no platform{nearest(name, PLATFORMS)}")


def line_of(finding: Finding) -> str:
    """One line a finding, for a person."""
    defect: Defect | None = finding.trial.defect
    mark = "✓" if finding.right else "✗"
    what = f"{defect.name} (by {defect.check})" if defect else f"clean {finding.trial.scenario}"
    by = f" by {', '.join(finding.by)}" if finding.by else ""
    soon = finding.detected.get(defect.check) if defect else None
    when = f" after {soon['at_s']:.1f} s and {soon['ops']:,} ops" if soon else ""
    return f"{mark} {what}: {finding.verdict}{by}{when}, {finding.seconds:.0f} s, {finding.folder}"


def examine(only: list[str]) -> tuple[dict[str, dict[str, Any]], bool]:
    """By platform whether it works here and what is missing, and whether that will do: those named, else any of them.

    Raises:
        UsageError: there is no such platform.
    """
    for name in only:
        known_platform(name)
    lacking = missing({name: make for name, make in PLATFORMS.items() if not only or name in only})
    found = {name: {"works": not texts, "missing": texts} for name, texts in lacking.items()}
    return found, (all if only else any)(each["works"] for each in found.values())
