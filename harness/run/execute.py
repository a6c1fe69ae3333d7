"""One run from its scenario to its verdict, top to bottom.

declare      write down what the run is                                            harness.run.declare
phases       deploy, steady, load, heal, quiet, settle, final                      harness.run.phases
clean up     on every way out: heal, end and remove everything, end the record     harness.run.clean_up
judge        from the run folder alone: checks, results.json, report.html          harness.offline
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.offline import check_folder, report_folder
from harness.platforms import PLATFORMS
from harness.platforms.abilities import Sticky
from harness.run.clean_up import clean_up
from harness.run.declare import declare
from harness.run.ending import Ending, ending_of
from harness.run.events import Observer, RunFinished, VerdictReached
from harness.run.liveness import Lease, hold
from harness.run.parts import Run
from harness.run.phases import run_phases
from harness.run.plan import RunOptions, make_plan
from harness.rundir import files
from harness.scenario.file import LoadedScenario
from harness.scenario.preflight import require_fit
from harness.signals import Stoppable


@dataclass(frozen=True)
class Outcome:
    """What became of a run, or of a run folder that was judged again.

    Attributes:
        folder: the run folder.
        results: the content of results.json.
        exit_code: the exit code of the command for it, see `harness --help`.
        error: what ended the run early; None when it went through all phases.
    """

    folder: Path
    results: dict[str, Any]
    exit_code: int
    error: HarnessError | None = None

    @property
    def verdict(self) -> str:
        """The verdict: "valid", "invalid" or "unknown"."""
        return str(self.results["verdict"])

    @property
    def report(self) -> Path:
        """The HTML page of the report."""
        return self.folder / files.REPORT


def execute(
    loaded: LoadedScenario,
    options: RunOptions,
    observers: Sequence[Observer] = (),
    stoppable: Stoppable | None = None,
) -> Outcome:
    """Run a scenario once, clean up whatever happens, judge the run and write its report.

    Args:
        loaded: the scenario and its contract.
        options: what is asked for beside the scenario.
        observers: each is given every event of the run.
        stoppable: the signal handlers that may end the run early; without them signals are left alone.

    Returns:
        The outcome, also of a run that was ended early: `Outcome.error` says by what.

    Raises:
        UsageError: the platform cannot carry out the scenario. Nothing was started.
        EnvironmentFailure: the run folder cannot be made or written.
        KeyboardInterrupt: raised by Python meanwhile, and raised again when the run was cleaned up and judged.
    """
    begun = time.monotonic()
    platform = PLATFORMS[options.platform or loaded.scenario.platform]()
    require_fit(loaded, platform, {Sticky} if options.seeded.sticky_cookie else (), options.allowed)
    plan = make_plan(loaded, options)
    run = Run(plan, platform, observers)
    tell_problem = partial(run.telling.problem, "environment")
    with closing(run.record), hold(plan.run_id, plan.folder), Lease(platform, on_problem=tell_problem):
        ending = Ending("complete")
        try:
            declare(run)
            with stoppable.armed() if stoppable else nullcontext():
                run_phases(run)
        except BaseException as early:
            ending = ending_of(run, early)
        error = clean_up(run, ending) or ending.error
    outcome = judge(run, error)
    run.telling.tell(RunFinished(time.monotonic() - begun))
    if ending.raised is not None:
        raise ending.raised
    return outcome


def judge(run: Run, error: HarnessError | None) -> Outcome:
    """Judge a run that was cleaned up from its folder alone, write its report, and tell the verdict.

    Raises:
        HarnessError: the folder cannot be read or written.
    """
    run.telling.phase("check")
    folder = run.plan.folder
    results = check_folder(folder)
    report = report_folder(folder)
    outcome = Outcome(folder, results, int(results["exit_code"]), error)
    run.telling.tell(VerdictReached(outcome.verdict, outcome.exit_code, results["reasons"], folder, report, results))
    return outcome
