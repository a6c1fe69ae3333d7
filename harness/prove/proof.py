"""One proof from end to end: choose the defects of a catalogue, run them, and keep the matrix of what was found."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.contract.read import read_contract
from harness.errors import UsageError
from harness.platforms import DEFAULT, DESCRIPTIONS
from harness.prove import matrix
from harness.prove.prover import Finding, Prover, chosen, exit_code, trials_for
from harness.scenario import shipped
from harness.scenario.catalogue import Defect, known, read_catalogue
from harness.signals import Stoppable
from harness.yamlfile import read


@dataclass(frozen=True)
class ProveOptions:
    """What a proof is asked for.

    Attributes:
        contract: a contract that names a catalogue of defects.
        only: the names of the defects to run; empty for all.
        quick: whether to run only the defects that the catalogue marks as quick.
        repeat: how often each is run.
        jobs: how many runs go on at once.
        seed: the seed of the first run of each.
        reports: the folder below which run folders and the matrix are made.
        platform: where the targets run; None for each scenario's own.
    """

    contract: Path
    only: list[str]
    quick: bool
    repeat: int
    jobs: int
    seed: int
    reports: Path
    platform: str | None = None


@dataclass(frozen=True)
class Proof:
    """What a proof found.

    Attributes:
        findings: what came of each run, in the order of the runs.
        document: the content of matrix.json.
        page: the HTML page of the matrix.
        exit_code: 0 when every defect was caught and the clean service is valid, see `harness.prove.prover.exit_code`.
    """

    findings: list[Finding]
    document: dict[str, Any]
    page: Path
    exit_code: int


def prove_defects(
    options: ProveOptions,
    on_finding: Callable[[Finding], None],
    on_problem: Callable[[str], None],
    stoppable: Stoppable | None = None,
) -> Proof:
    """Run the defects of the contract's catalogue and the clean service, and write the matrix.

    Args:
        options: what is asked for.
        on_finding: is given what came of each run as soon as it has ended, from several threads.
        on_problem: is given a text about each run that told no result.
        stoppable: the signal handlers that may end the proof early, if there are any.

    Raises:
        UsageError: no such contract, catalogue or defect. Nothing was started.
        EnvironmentFailure: the matrix cannot be written.
        Interrupted: by a signal, once the runs that had begun have healed and ended.
    """
    contract = read_contract(options.contract)
    catalogue = read_catalogue(contract, options.contract)
    wanted = _wanted(catalogue, options)
    directory = (options.contract.parent / contract.start.directory).resolve()
    platforms = {options.platform} if options.platform else {_platform(directory / each.scenario) for each in wanted}
    sections = sorted({DESCRIPTIONS[name].section for name in platforms if name in DESCRIPTIONS})
    if absent := [why for section in sections for why in shipped.lacking(contract, section)]:
        raise UsageError(f"{options.contract}: no run can be made, nothing was started:", absent)
    started, begun = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), time.monotonic()
    prover = Prover(directory, options.reports, options.jobs, options.platform, on_problem)
    findings = prover.prove(trials_for(wanted, options.repeat, options.seed), on_finding, stoppable)
    header = matrix.Header(
        service=contract.service,
        started=started,
        seconds=time.monotonic() - begun,
        repeat=options.repeat,
        jobs=options.jobs,
        seed=options.seed,
        quick=options.quick,
        platform=options.platform,
    )
    waiting = [defect for defect in catalogue if defect.waits_for and defect not in wanted]
    document = matrix.document(findings, waiting, header)
    return Proof(findings, document, matrix.write(document, options.reports), exit_code(findings))


def _platform(scenario: Path) -> str:
    return str(read(scenario, "scenario").data.get("platform", DEFAULT))


def _wanted(catalogue: list[Defect], options: ProveOptions) -> list[Defect]:
    if not catalogue:
        raise UsageError(f"{options.contract}: names no catalogue of defects. Add `defects: {{catalogue: FILE}}`.")
    known(catalogue, options.only)
    wanted = chosen(catalogue, options.only, options.quick)
    if not wanted:
        raise UsageError(
            f"{options.contract}: its catalogue has no defect to run. Mark some with `quick: true`, or name one."
        )
    return wanted
