"""The phases of a run, top to bottom: deploy, steady, load, heal, quiet, settle, final.

Before them a run is declared, after them it is cleaned up and judged: see `harness.run.execute`. The run folder is
written phase by phase, so that a crash in one phase loses nothing of the phases before.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from harness.faults.nemesis import Nemesis
from harness.faults.schedule import plan as plan_faults
from harness.run.deploy import deploy
from harness.run.events import LoadWindow, WorkNotEnded
from harness.run.parts import Run
from harness.run.stop_condition import Guard
from harness.rundir import files

COUNTED_AFTER_S = 0.3
_AGENTS_BEGIN_S = 15
_REQUESTS_LEFT = 8
"""How many requests in a row a client may still send when the load has ended, each as long as the time-out."""
_AGENTS_SLACK_S = 30
_QUIET_SLACK_S = 60
_READING_S = 120


def run_phases(run: Run) -> None:
    """Take a run through its phases. A service that is wrong before any fault gets no load.

    Raises:
        Aborted: the scenario's stop condition holds.
        AgentDied: a load agent ended before its time.
        HarnessError: whatever else ends the run early.
    """
    deploy(run)
    if is_steady(run):
        load(run)
        heal(run)
        wait_until_quiet(run)
        settle(run)
        read_finally(run)
    if run.scraper:
        # A count taken sooner after the last answer proves less: see `harness.judging.accounting`.
        time.sleep(COUNTED_AFTER_S)
        run.scraper.once()


def is_steady(run: Run) -> bool:
    """Return whether the service does all operations right before any fault; if not, tell what it did wrong."""
    run.telling.phase("steady")
    answers = run.all_agents("steady", run.plan.loaded.contract.promises.quiet_deadline_s + _QUIET_SLACK_S)
    wrong = [text for answer in answers for text in answer.get("surprises", [])]
    if wrong:
        some = "; ".join(wrong[:3])
        run.telling.problem("stopped", f"stopped before the load: the service was wrong before any fault: {some}")
    return not wrong


def load(run: Run) -> None:
    """Let the load agents work while the nemesis injects the faults; return when the load has ended."""
    run.telling.phase("load")
    wanted = run.plan.loaded.scenario.load
    nemesis = _nemesis(run)
    for agent in run.agents:
        agent.tell("load")
    windows = [agent.wait_window(_AGENTS_BEGIN_S) for agent in run.agents]
    start_ns = min(window["start_ns"] for window in windows)
    end_ns = max(window["end_ns"] for window in windows)
    run.telling.tell(LoadWindow(start_ns, end_ns))
    nemesis.start(start_ns)
    check_stop_condition = _stop_condition(run, end_ns)
    for agent in run.agents:
        deadline_s = wanted.duration_s + wanted.timeout_s * _REQUESTS_LEFT + _AGENTS_SLACK_S
        agent.wait("load", deadline_s, check_stop_condition)


def _nemesis(run: Run) -> Nemesis:
    assert run.supervisor is not None
    faults = plan_faults(run.plan.loaded.faults, run.plan.loaded.scenario.load.duration_s, run.plan.seed)
    run.nemesis = Nemesis(
        faults,
        run.platform,
        run.supervisor,
        run.plan.folder / files.FAULTS,
        on_event=run.telling.fault_line,
        on_problem=partial(run.telling.problem, "fault_error"),
    )
    return run.nemesis


def _stop_condition(run: Run, end_ns: int) -> Callable[[], None]:
    """Return what raises `Aborted` when the scenario's stop condition holds before the load has ended."""
    stop_when = run.plan.loaded.scenario.stop_when
    if stop_when is None:
        return lambda: None
    guard = Guard(stop_when, [agent.number for agent in run.agents], end_ns / 1e9)
    for agent in run.agents:
        agent.on_tally = guard.hear
    return guard.check


def heal(run: Run) -> None:
    """Undo every fault and wait until the declared number of members is ready again."""
    run.telling.phase("heal")
    if run.nemesis:
        run.nemesis.heal_all()


def wait_until_quiet(run: Run) -> None:
    """Wait until acknowledged work has ended, as long as the contract promises."""
    run.telling.phase("quiet")
    promised_s = run.plan.loaded.contract.promises.quiet_deadline_s
    answers = run.all_agents("quiet", promised_s + _QUIET_SLACK_S)
    still_open = [key for answer in answers for key in answer["open"]]
    if still_open:
        run.telling.tell(WorkNotEnded(promised_s, still_open))


def settle(run: Run) -> None:
    """Send operations again of which nobody knows whether they took effect."""
    _go_over_all_items(run, "settle")


def read_finally(run: Run) -> None:
    """Read everything back that the service has acknowledged."""
    _go_over_all_items(run, "final")


def _go_over_all_items(run: Run, phase: str) -> None:
    run.telling.phase(phase)
    # The longer the load was, the more items it left.
    run.all_agents(phase, _READING_S + 2 * run.plan.loaded.scenario.load.duration_s)
