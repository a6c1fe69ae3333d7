"""The way out of every run: heal, end and remove everything that was started, and complete the record.

Every step is tried, whatever failed before it. The order leaves the evidence whole: faults are healed while somebody
still watches the members, agents end before the target that they speak to, and logs are redacted once nobody writes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from harness import rundir
from harness.errors import EnvironmentFailure
from harness.redact import redact_files
from harness.run.ending import Ending
from harness.run.events import RunEnded
from harness.run.parts import Run
from harness.rundir import files

_ABORTED_S = 10.0
_ATTACHED_S = 30.0


class Attempts:
    """Steps that are all tried; `failed` holds what those said that failed."""

    def __init__(self) -> None:
        """Begin with nothing tried."""
        self.failed: list[str] = []

    def attempt(self, step: Callable[[], object]) -> None:
        """Do one step; an exception is noted and goes no further."""
        try:
            step()
        except Exception as error:
            self.failed.append(str(error) or type(error).__name__)

    def attempt_at_once(self, steps: list[Callable[[], object]]) -> None:
        """Do several steps, each in a thread of its own, and wait for all."""
        threads = [threading.Thread(target=self.attempt, args=(step,)) for step in steps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def clean_up(run: Run, ending: Ending) -> EnvironmentFailure | None:
    """Leave nothing of a run but its folder, and record how the run ended.

    Args:
        run: the run, with the parts that were started.
        ending: how its phases ended.

    Returns:
        What a user is told when something is left; None when all is removed.
    """
    steps = Attempts()
    _remove(run, ending, steps)
    for text in list(steps.failed):
        steps.attempt(partial(run.telling.problem, "not_cleaned_up", text))
    how = "environment" if steps.failed else ending.how
    steps.attempt(lambda: run.telling.phase("end"))
    steps.attempt(lambda: run.telling.tell(RunEnded(how, rundir.sizes(run.plan.folder))))
    if not steps.failed:
        return None
    left = run.telling.redacted("; ".join(dict.fromkeys(steps.failed)))
    return EnvironmentFailure(f"{run.plan.run_id}: not all could be cleaned up: {left}. Run `harness recover`.")


def _remove(run: Run, ending: Ending, steps: Attempts) -> None:
    steps.attempt(lambda: run.telling.phase("tear_down"))
    if run.nemesis:
        nemesis, wait_s = run.nemesis, _healing_s(run, ending)
        steps.attempt(lambda: nemesis.heal_all("the run ended before it was due", wait_s))
    steps.attempt_at_once([agent.close for agent in run.agents])
    if run.scraper:
        steps.attempt(run.scraper.stop)
    if run.supervisor:
        steps.attempt(run.supervisor.stop)
    steps.attempt(run.platform.tear_down)
    steps.attempt(lambda: _redact(run))


def _healing_s(run: Run, ending: Ending) -> float:
    """Return how long to wait for the declared numbers of members: not at all where they are removed anyway."""
    if run.plan.attached is not None:
        return _ATTACHED_S
    return _ABORTED_S if ending.how == "aborted" else 0


def _redact(run: Run) -> None:
    folder = run.plan.folder
    redact_files([*sorted((folder / files.LOGS).glob("*.log")), folder / files.FAULTS], run.secrets())
