"""Start the harness from Python: each command of `harness` as a plain call, with typed arguments and results.

    from pathlib import Path
    from harness import api

    outcome = api.run_scenario(Path("scenarios/kill.yaml"), seed=7)
    print(outcome.verdict, outcome.report)

Nothing here prints, and nothing here touches signal handlers: a call may be made from any thread. What a run tells
while it goes on is heard by observers (`harness.run.events`). Every error is a `harness.errors.HarnessError`, whose
message is written for a person. A file is checked without starting anything:

    >>> from pathlib import Path
    >>> from harness import api
    >>> api.validate(Path("scenarios/kill.yaml"))
    []
    >>> api.validate(Path("scenarios/kil.yaml"))
    ['scenarios/kil.yaml: no such scenario or contract file. Check the path.']

Each call answers as its command does; the exit codes are those of `harness --help`.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import offline
from harness.contract.model import Contract
from harness.contract.read import read_contract, read_users
from harness.errors import UsageError
from harness.platforms import DESCRIPTIONS, PLATFORMS
from harness.prove.proof import Proof, ProveOptions, prove_defects
from harness.prove.prover import Finding
from harness.recovery import engines
from harness.recovery import recover as recovery
from harness.run.events import Observer
from harness.run.execute import Outcome, execute
from harness.run.plan import RunOptions
from harness.scenario import shipped
from harness.scenario.catalogue import Seeded, known, read_catalogue, seeded
from harness.scenario.file import LoadedScenario, Scenario, load_scenario
from harness.scenario.preflight import require_fit
from harness.signals import Stoppable
from harness.yamlfile import nearest, read

__all__ = [
    "REFERENCE_CONTRACT",
    "Diagnosis",
    "Finding",
    "Outcome",
    "Proof",
    "check",
    "doctor",
    "known_platform",
    "prove",
    "recover",
    "report",
    "run_scenario",
    "validate",
]

REFERENCE_CONTRACT = Path("target_service/contract.yaml")
"""The contract of the service that comes with the harness; the shipped one where the working directory has none."""
REPORTS = Path("reports")


def run_scenario(
    path: Path,
    *,
    seed: int | None = None,
    platform: str | None = None,
    defects: Sequence[str] = (),
    reports: Path = REPORTS,
    allowed: Sequence[str] = (),
    observers: Sequence[Observer] = (),
    stoppable: Stoppable | None = None,
) -> Outcome:
    """Run a scenario: deploy its target, load it while faults are injected, judge what clients were promised.

    Args:
        path: the scenario file, or the bare name of a scenario (`kill`), see `harness.scenario.shipped`.
        seed: the seed of schedule, users and keys; the scenario's if not given.
        platform: where the target runs; the scenario's if not given.
        defects: the names of seeded bugs of the service to switch on.
        reports: the folder below which the run folder is made.
        allowed: targets that the harness did not create, or that are on other machines, and that may be broken.
        observers: each is given every event of the run, see `harness.run.events`.
        stoppable: signal handlers that may end the run early (`harness.signals`), as the command line installs them.
            Without them a `KeyboardInterrupt` ends the run, which is healed, cleaned up and judged before the
            exception goes on.

    Returns:
        The verdict with everything it rests on, and what ended the run early, if anything did.

    Raises:
        UsageError: a file or an argument cannot be used. Nothing was started.
        EnvironmentFailure: the run folder cannot be made or written.
    """
    loaded = load_scenario(shipped.scenario(path))
    known_platform(platform)
    given = Seeded()
    if defects:
        catalogue = read_catalogue(loaded.contract, loaded.contract_path)
        known(catalogue, list(defects))
        given = seeded(catalogue, list(defects))
    options = RunOptions(
        seed=seed,
        platform=platform,
        defects=list(defects),
        seeded=given,
        reports=reports,
        command=_command(path, loaded.scenario.seed if seed is None else seed, platform, defects, allowed),
        allowed=list(allowed),
    )
    return execute(loaded, options, observers, stoppable)


def _command(path: Path, seed: int, platform: str | None, defects: Sequence[str], allowed: Sequence[str]) -> str:
    """Return the command that repeats a run."""
    words = ["harness", "run", str(path), "--seed", str(seed)]
    words += ["--platform", platform] if platform else []
    words += [word for name in defects for word in ("--defect", name)]
    words += [word for name in allowed for word in ("--allow-target", name)]
    return shlex.join(words)


def check(folder: Path) -> Outcome:
    """Judge a run again from its folder alone; results.json and history.parquet are written anew.

    Raises:
        UsageError: not a run folder, a cut one, or its scenario or contract cannot be read.
        EnvironmentFailure: the results cannot be written.
    """
    results = offline.check_folder(folder)
    return Outcome(folder, results, int(results["exit_code"]))


def report(folder: Path) -> Path:
    """Write the report of a run again from its folder alone, and return the path of the HTML page.

    Raises:
        UsageError: not a run folder, or a run that was never judged.
    """
    return offline.report_folder(folder)


def validate(path: Path, platform: str | None = None) -> list[str]:
    """Return every problem of a scenario or contract file, one line each; which of both it is, its keys tell.

    Args:
        path: the file, or the bare name of a scenario.
        platform: of a scenario, also name what this platform lacks for it; the scenario's own if not given.

    Raises:
        UsageError: there is no such platform.
    """
    known_platform(platform)
    try:
        path = shipped.scenario(path)
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
    """Return why a platform cannot carry out a scenario."""
    attached = loaded.contract.start.attached_to(DESCRIPTIONS[platform].section)
    try:
        # Whether somebody else's target may be broken is asked when a run would break it.
        require_fit(loaded, PLATFORMS[platform](), allowed=[attached] if attached else ())
    except UsageError as error:
        return [f"{loaded.path}: platform: {why}" for why in error.problems]
    return []


def prove(
    contract: Path = REFERENCE_CONTRACT,
    *,
    only: Sequence[str] = (),
    quick: bool = False,
    repeat: int = 1,
    jobs: int = 2,
    seed: int = 1,
    reports: Path = REPORTS,
    platform: str | None = None,
    on_finding: Callable[[Finding], None] = lambda finding: None,
    on_problem: Callable[[str], None] = lambda text: None,
    stoppable: Stoppable | None = None,
) -> Proof:
    """Prove that the harness can fail: run every defect of a catalogue, and the clean service in the same scenarios.

    Args:
        contract: a contract that names a catalogue of defects.
        only: the names of the defects to run; all if not given.
        quick: run only the defects that the catalogue marks as quick.
        repeat: how often each is run.
        jobs: how many runs go on at once.
        seed: the seed of the first run of each; the next have the numbers that follow.
        reports: the folder below which run folders and the matrix are made.
        platform: where the targets run; each scenario's own if not given.
        on_finding: is given what came of each run as soon as it has ended, from several threads.
        on_problem: is given a text about each run that told no result.
        stoppable: as for `run_scenario`.

    Raises:
        UsageError: no such contract, catalogue, defect or platform. Nothing was started.
        EnvironmentFailure: the matrix cannot be written.
        Interrupted: by a signal, once the runs that had begun have healed and ended.
    """
    known_platform(platform)
    options = ProveOptions(
        contract=shipped.reference(contract),
        only=list(only),
        quick=quick,
        repeat=repeat,
        jobs=jobs,
        seed=seed,
        reports=reports,
        platform=platform,
    )
    return prove_defects(options, on_finding, on_problem, stoppable)


def recover(
    reports: Path = REPORTS,
    *,
    only_show: bool = False,
    on_unseen: Callable[[str, str], None] = lambda platform, why: None,
) -> list[str]:
    """Heal and remove what dead runs left; a run in progress is never touched.

    Args:
        reports: the folder that holds run folders. It need not exist: platforms are looked at as well.
        only_show: return what is left, and leave it.
        on_unseen: is given each platform that could not be looked at, and why.

    Returns:
        One line for everything that was done, or with `only_show` for everything that is left.

    Raises:
        EnvironmentFailure: something could not be removed; the message names all that was done, and what stays.
    """
    seen = engines.look()
    for name, why in seen.unseen.items():
        on_unseen(name, why)
    if only_show:
        return [str(left) for left in recovery.find(reports, None, seen)]
    return recovery.recover(reports, None, seen)


@dataclass(frozen=True)
class Diagnosis:
    """Which platforms work on this machine.

    Attributes:
        missing: by the name of the platform what it lacks here, each with how to get it; nothing for one that works.
        works: whether all platforms work that were asked for; of no particular one, whether any works.
    """

    missing: dict[str, list[str]]
    works: bool


def doctor(only: Sequence[str] = ()) -> Diagnosis:
    """Find out which platforms work here, without an effect on them.

    Args:
        only: the names of the platforms to look at; all if not given.

    Raises:
        UsageError: there is no such platform.
    """
    for name in only:
        known_platform(name)
    missing = engines.missing({name: make for name, make in PLATFORMS.items() if not only or name in only})
    return Diagnosis(missing, (all if only else any)(not lacks for lacks in missing.values()))


def known_platform(name: str | None) -> None:
    """Refuse the name of a platform that there is not; None stands for each scenario's own.

    Raises:
        UsageError: with the nearest name.
    """
    if name is not None and name not in PLATFORMS:
        raise UsageError(f"--platform: {name!r} is no platform{nearest(name, PLATFORMS)}")
