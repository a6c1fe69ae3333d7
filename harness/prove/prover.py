"""Negative controls: each seeded defect must be caught by its own check, and the clean service must be `valid`.

A harness that cannot fail is worth nothing, so this is the project's own acceptance test. Every run is a process of its
own (`harness run`), and several go on at once: a verdict does not depend on how fast the machine is.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import EnvironmentFailure
from harness.scenario.catalogue import Defect
from harness.signals import Stoppable, uninterrupted

RUN_DEADLINE_S = 180
"""How long a run may take before it is asked to end."""
GRACE_S = 45
"""How long a run that was asked to end may take to heal, clean up and report."""
_POLL_S = 0.2


@dataclass(frozen=True)
class Trial:
    """One run to do.

    Attributes:
        scenario: the path of the scenario, relative to the start directory of the contract.
        defect: the defect to switch on; None for the clean service.
        seed: the seed of the run.
    """

    scenario: str
    defect: Defect | None
    seed: int


@dataclass(frozen=True)
class Finding:
    """What came of a trial.

    Attributes:
        trial: what was run.
        verdict: the verdict of the run; "unknown" when it told no result.
        by: the names of the checks that were `invalid`.
        exit_code: the exit code of the run.
        seconds: how long the run took.
        folder: the run folder; empty when the run told no result.
        detected: for each check of `by` that can tell, when it had its first violation: after how many seconds of load
            (`at_s`) and after how many operations (`ops`).
    """

    trial: Trial
    verdict: str
    by: list[str]
    exit_code: int
    seconds: float
    folder: str
    detected: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        """Whether the defect was caught by its own check, or the clean service was found valid."""
        if self.trial.defect is None:
            return self.verdict == "valid" and self.exit_code == 0
        return self.verdict == "invalid" and self.exit_code == 1 and self.trial.defect.check in self.by


class Prover:
    """Runs trials as child processes, several at once."""

    def __init__(
        self,
        directory: Path,
        reports: Path,
        jobs: int,
        platform: str | None = None,
        on_problem: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Prepare a prover; `prove` starts the trials.

        Args:
            directory: the folder to which the scenarios of trials are relative.
            reports: the folder below which the runs make their folders.
            jobs: how many runs go on at once.
            platform: where the targets run; each scenario's own platform if not given.
            on_problem: is given a text about each run that told no result.
        """
        self._directory, self._reports, self._jobs, self._platform = directory, reports, jobs, platform
        self._on_problem = on_problem
        self._stopped = threading.Event()

    def prove(
        self, trials: list[Trial], on_finding: Callable[[Finding], None], stoppable: Stoppable | None = None
    ) -> list[Finding]:
        """Run all trials and return what came of each, in the order of `trials`.

        Args:
            trials: what to run.
            on_finding: is given what came of each trial as soon as it has ended, from several threads.
            stoppable: the signal handlers that may end the proof early, if there are any.

        Raises:
            Interrupted: by a signal, once the runs that had begun have healed and ended.
        """
        futures: list[Future[Finding | None]] = []
        with ThreadPoolExecutor(self._jobs, "prove") as pool:
            try:
                with stoppable.armed() if stoppable else nullcontext():
                    with uninterrupted():
                        futures += [pool.submit(self._one, trial, on_finding) for trial in trials]
                    while not all(future.done() for future in futures):
                        time.sleep(0.1)
            except BaseException:
                self.stop()
                raise
        return [found for future in futures if (found := future.result())]

    def _one(self, trial: Trial, on_finding: Callable[[Finding], None]) -> Finding | None:
        # -P: what lies in the working directory is not to be imported.
        command = [sys.executable, "-P", "-m", "harness", "run", str(self._directory / trial.scenario)]
        command += ["--json", "--quiet"]
        command += ["--seed", str(trial.seed), "--reports", str(self._reports)]
        command += ["--defect", trial.defect.name] if trial.defect else []
        command += ["--platform", self._platform] if self._platform else []
        begun = time.monotonic()
        if self._stopped.is_set():
            return None
        child = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        output, errors = self._hear(child)
        if self._stopped.is_set() and child.returncode not in (0, 1):
            # The run was broken off, and says nothing about the defect.
            return None
        seconds = time.monotonic() - begun
        try:
            finding = self._understand(trial, child.returncode, output, errors, seconds)
        except EnvironmentFailure as error:
            # One run that told nothing does not make the others worthless.
            self._on_problem(str(error))
            finding = Finding(trial, "unknown", [], error.exit_code, round(seconds, 1), "")
        on_finding(finding)
        return finding

    def _hear(self, child: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
        """Return what a run printed; one that is late, or on `stop`, is asked to end, and killed if it does not."""
        until = time.monotonic() + RUN_DEADLINE_S
        asked = killed = False
        while True:
            with suppress(subprocess.TimeoutExpired):
                return child.communicate(timeout=_POLL_S)
            is_late = time.monotonic() > until
            if killed and is_late:
                child.poll()
                return b"", b"the run was killed, and something keeps its output open: run `harness recover`"
            if asked and is_late:
                child.kill()
                killed, until = True, time.monotonic() + 5
            elif not asked and (is_late or self._stopped.is_set()):
                child.terminate()
                asked, until = True, time.monotonic() + GRACE_S

    @staticmethod
    def _understand(trial: Trial, code: int, output: bytes, errors: bytes, seconds: float) -> Finding:
        try:
            results: dict[str, Any] = json.loads(output)
        except ValueError:
            raise EnvironmentFailure(
                f"{trial.scenario}: the run ended with {code} and no result: {errors.decode(errors='replace')[-800:]}"
            ) from None
        guilty = [check for check in results["checks"] if check["verdict"] == "invalid"]
        by, folder = [check["name"] for check in guilty], str(results.get("folder", ""))
        detected = {check["name"]: check["detected"] for check in guilty if check.get("detected")}
        return Finding(trial, results["verdict"], by, code, round(seconds, 1), folder, detected)

    def stop(self) -> None:
        """Ask every run under way to heal and end, and begin none from now on. Returns at once."""
        self._stopped.set()


def trials_for(defects: list[Defect], repeat: int, seed: int, clean: bool = True) -> list[Trial]:
    """Return the trials of a proof: each defect in its scenario, then the clean service in each of these scenarios.

    Args:
        defects: the defects to run.
        repeat: how often each trial is done, with one seed after another.
        seed: the first seed.
        clean: whether the clean service is run as well.
    """
    trials = [Trial(defect.scenario, defect, seed + index) for index in range(repeat) for defect in defects]
    scenarios = dict.fromkeys(defect.scenario for defect in defects)
    return trials + (
        [Trial(name, None, seed + index) for index in range(repeat) for name in scenarios] if clean else []
    )


def chosen(defects: list[Defect], only: list[str], quick: bool) -> list[Defect]:
    """Return the defects to run.

    Args:
        defects: the whole catalogue.
        only: names of defects. If there are any, these are chosen and no other, even if they wait for something.
        quick: whether to choose only defects that the catalogue marks as quick.
    """
    if only:
        return [defect for defect in defects if defect.name in only]
    return [defect for defect in defects if not defect.waits_for and (defect.quick or not quick)]


def exit_code(findings: list[Finding]) -> int:
    """Return the exit code of a proof.

    0: every finding is right. 5: each wrong finding is the environment's fault. 1: a defect was not caught, or the
    clean service was not found valid.
    """
    wrong = {finding.exit_code for finding in findings if not finding.right}
    return 0 if not wrong else EnvironmentFailure.exit_code if wrong == {EnvironmentFailure.exit_code} else 1
