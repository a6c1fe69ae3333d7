"""Negative controls: each seeded defect must be caught by its own check, and the clean service must be `valid`.

A harness that cannot fail is worth nothing, so this is the project's own acceptance test. Every run is a
`harness run` of its own, a few at once: a verdict does not depend on how fast the machine is.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.contract.catalogue import Defect
from harness.errors import EnvironmentFailure
from harness.signals import Stoppable, uninterrupted

RUN_DEADLINE_S = 180
GRACE_S = 45
"""How long a run that was asked to end may take to heal, clean up and report."""
_POLL_S = 0.2


@dataclass(frozen=True)
class Trial:
    """One run to do: a scenario with one defect, or without any."""

    scenario: str
    defect: Defect | None
    seed: int


@dataclass(frozen=True)
class Finding:
    """What came of a trial. `by` are the checks that were `invalid`, `folder` is the run's.

    `detected`: for each of them when it had its first violation (`at_s`, `ops`), where it can tell.
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
        """A defect was caught by its own check, or the clean service was found valid."""
        if self.trial.defect is None:
            return self.verdict == "valid" and self.exit_code == 0
        return self.verdict == "invalid" and self.exit_code == 1 and self.trial.defect.check in self.by


class Prover:
    """Runs trials as child processes; `stop` ends those under way, healed and reported by themselves."""

    def __init__(self, directory: Path, reports: Path, jobs: int, platform: str | None = None) -> None:
        """`platform`: where the target runs, each scenario's own without it."""
        self._directory, self._platform = directory, platform
        self._reports = reports
        self._jobs = jobs
        self._stopped = threading.Event()

    def prove(self, trials: list[Trial], on_finding: Callable[[Finding], None]) -> list[Finding]:
        """All findings, in the order of `trials`; `on_finding` hears of each as it comes.

        Raises:
            Interrupted: by a signal, once the runs under way have healed and ended.
        """
        futures: list[Future[Finding | None]] = []
        with Stoppable(_to_stderr) as stoppable, ThreadPoolExecutor(self._jobs, "prove") as pool:
            try:
                with stoppable.armed():
                    with uninterrupted():
                        futures += [pool.submit(self._one, trial, on_finding) for trial in trials]
                    while not all(future.done() for future in futures):
                        time.sleep(0.1)
            except BaseException:
                self.stop()
                raise
        return [found for future in futures if (found := future.result())]

    def _one(self, trial: Trial, on_finding: Callable[[Finding], None]) -> Finding | None:
        command = [sys.executable, "-m", "harness", "run", str(self._directory / trial.scenario), "--json", "--quiet"]
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
            # It was broken off: it says nothing about the defect.
            return None
        seconds = time.monotonic() - begun
        try:
            finding = self._understand(trial, child.returncode, output, errors, seconds)
        except EnvironmentFailure as error:
            # One run that told nothing does not make the others worthless.
            _to_stderr(str(error))
            finding = Finding(trial, "unknown", [], error.exit_code, round(seconds, 1), "")
        on_finding(finding)
        return finding

    def _hear(self, child: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
        """What it printed. It is asked to end after its deadline or on `stop`, and killed when it does not."""
        until = time.monotonic() + RUN_DEADLINE_S
        asked = killed = False
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.communicate(timeout=_POLL_S)
            is_late = time.monotonic() > until
            if killed and is_late:
                child.poll()
                return b"", b"it was killed, and something keeps its output open: run `harness recover`"
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
        """Ask every run under way to heal and end; none is begun any more. Returns at once."""
        self._stopped.set()


def _to_stderr(text: str) -> None:
    print(f"harness: {text}", file=sys.stderr, flush=True)


def trials_for(defects: list[Defect], repeat: int, seed: int, clean: bool = True) -> list[Trial]:
    """Each defect in its scenario `repeat` times, then the clean service in every scenario used."""
    trials = [Trial(defect.scenario, defect, seed + index) for index in range(repeat) for defect in defects]
    scenarios = dict.fromkeys(defect.scenario for defect in defects)
    return trials + (
        [Trial(name, None, seed + index) for index in range(repeat) for name in scenarios] if clean else []
    )


def chosen(defects: list[Defect], only: list[str], quick: bool) -> list[Defect]:
    """Those asked for by name, waiting ones too; else all that wait for nothing, of which `quick` takes its own."""
    if only:
        return [defect for defect in defects if defect.name in only]
    return [defect for defect in defects if not defect.waits_for and (defect.quick or not quick)]


def exit_code(findings: list[Finding]) -> int:
    """0: all are right. 5: what is not is the environment's fault. 1: something was not caught, or a false alarm."""
    wrong = {finding.exit_code for finding in findings if not finding.right}
    return 0 if not wrong else EnvironmentFailure.exit_code if wrong == {EnvironmentFailure.exit_code} else 1
