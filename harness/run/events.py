"""Events: everything that a run tells while it goes on, and what an observer is.

An observer is any callable that takes one event:

    from harness import api
    from harness.run.events import FaultLanded

    def show(event):
        if isinstance(event, FaultLanded):
            print(f"fault {event.fault} landed: {event.how}")

    api.run_scenario(Path("scenarios/kill.yaml"), observers=[show])

The order of a run's events:

    RunDeclared
    PhaseBegun("deploy"), PhaseBegun("steady"), PhaseBegun("load"), LoadWindow, PhaseBegun("heal"),
    PhaseBegun("quiet"), PhaseBegun("settle"), PhaseBegun("final"), PhaseBegun("tear_down"), PhaseBegun("end")
    RunEnded
    PhaseBegun("check"), VerdictReached, RunFinished

A run that ends early leaves phases out, but never `tear_down`, `end` and what follows them. Between these events come,
from the threads of the run, those of members, faults, load agents and problems. The events of one fault come in this
order: intended, injected, landed, healed; a fault that fails leaves out what follows.

`harness.run.telling` hands the events to the observers, one event at a time. `harness.run.run_record` writes them into
the run folder, `harness.run.json_events` as JSON lines to a file, and `harness.cli.console` shows them to a person.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias


@dataclass(frozen=True, kw_only=True)
class Event:
    """The base of all events.

    Attributes:
        at_ns: when it happened, CLOCK_MONOTONIC in nanoseconds. The clock is the same for every process of this host.
    """

    at_ns: int = field(default_factory=time.monotonic_ns)


Observer: TypeAlias = Callable[[Event], None]
"""What is given every event of a run.

An observer is called from several threads, but never twice at once, and has to return soon: the run waits for it. One
that raises does not end the run; its first failure is told to all observers as `ObserverFailed`.
"""


# -- the run as a whole


@dataclass(frozen=True)
class RunDeclared(Event):
    """The run begins: its folder is there, and nothing has been started.

    Attributes:
        run: the id of the run, as everything carries it that the run starts.
        scenario: the name of the scenario, without folder and ending.
        title: the scenario's title.
        seed: the seed of schedule, users and keys.
        started: UTC, as "2026-01-31T12:00:00Z".
        platform: the name of the platform.
        harness: the version of the harness.
        defects: the names of the defects that were switched on.
        command: the command that repeats the run.
        attached: the name of a target that ran before; None when the run deploys its own.
        allowed: targets that the harness did not create, or that are on other machines, allowed by name.
    """

    run: str
    scenario: str
    title: str
    seed: int
    started: str
    platform: str
    harness: str
    defects: Sequence[str]
    command: str
    attached: str | None
    allowed: Sequence[str]


@dataclass(frozen=True)
class PhaseBegun(Event):
    """The run enters a phase.

    Attributes:
        name: "deploy", "steady", "load", "heal", "quiet", "settle", "final", "tear_down", "end" or "check".
    """

    name: str


@dataclass(frozen=True)
class LoadWindow(Event):
    """All load agents have begun; the times of the scenario's faults count from the start of this window.

    Attributes:
        start_ns: when the first agent began, monotonic ns.
        end_ns: when the last agent will send no further arrivals, monotonic ns.
    """

    start_ns: int
    end_ns: int


@dataclass(frozen=True)
class RunEnded(Event):
    """Faults are healed and everything of the run is removed but its folder, whose records are complete.

    Attributes:
        how: "complete", "aborted" (by the stop condition), "interrupted" (by the user) or "environment" (something
            beside the service failed).
        bytes: the size of each record of the folder, by file name.
    """

    how: str
    bytes: Mapping[str, int]


@dataclass(frozen=True)
class VerdictReached(Event):
    """The run has been judged, and its report is written.

    Attributes:
        verdict: "valid", "invalid" or "unknown".
        exit_code: the exit code of `harness run` for these results.
        reasons: why the verdict is not valid, one sentence each.
        folder: the run folder.
        report: the HTML page.
        results: the content of results.json. An observer must not change it.
    """

    verdict: str
    exit_code: int
    reasons: Sequence[str]
    folder: Path
    report: Path
    results: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class RunFinished(Event):
    """The last event of a run.

    Attributes:
        seconds: how long the run took, from before its declaration until after its report.
    """

    seconds: float


# -- members and load


@dataclass(frozen=True)
class MemberChanged(Event):
    """A replica or worker is new, or is in another state.

    Attributes:
        name: the member's name, as "replica-1"; never used twice in a run.
        role: "replica" or "worker".
        boot: the id of this life of the member, where the service tells one.
        state: "starting", "ready", "unready", "stopping", "killed", "paused" or "gone".
    """

    name: str
    role: str
    boot: str | None
    state: str


@dataclass(frozen=True)
class MembersReady(Event):
    """How many members are ready after a change.

    Attributes:
        replicas: the number of ready replicas.
        workers: the number of ready workers.
    """

    replicas: int
    workers: int


@dataclass(frozen=True)
class CountsScraped(Event):
    """A replica has told how many requests it answered, by its own count.

    Attributes:
        asked_ns: when the replica was asked, monotonic ns; `at_ns` is when the answer had been read.
        replica: the member's name.
        boot: the id of this life of the replica, or its name where the service tells none.
        series: the count of each route that the contract names.
    """

    asked_ns: int
    replica: str
    boot: str
    series: Mapping[str, float]


@dataclass(frozen=True)
class AgentStatus(Event):
    """The counters of a load agent, once a second.

    Attributes:
        agent: the number of the agent.
        counters: numbers since its start: "ops" (operations that ended), of those "ok", "fail" and "info" (nobody knows
            what became of them), and "dropped" (arrivals for which no client was free).
    """

    agent: int
    counters: Mapping[str, Any]


@dataclass(frozen=True)
class WorkNotEnded(Event):
    """Acknowledged work has not ended although the service promised so.

    Attributes:
        promised_s: how long the service may take, in seconds.
        keys: the keys of the work that is open.
    """

    promised_s: float
    keys: Sequence[str]


# -- faults


@dataclass(frozen=True)
class FaultIntended(Event):
    """A fault is about to be injected, and how to undo it is on the disk; or the fault will not be injected.

    Attributes:
        fault: the number of the fault in the plan, from 1.
        kind: the kind of the fault, as the scenario names it.
        role: the role that it is for, "replica" or "worker".
        target: the member chosen, or what the fault is done to; None when it will not be injected.
        boot: the id of the life of the member chosen, where there is one.
        planned_s: when the fault was due, in seconds from the start of the load.
    """

    fault: int
    kind: str
    role: str
    target: str | None
    boot: str | None
    planned_s: float


@dataclass(frozen=True)
class FaultInjected(Event):
    """A fault is being injected; nothing has been seen of it yet.

    Attributes:
        fault: the number of the fault.
    """

    fault: int


@dataclass(frozen=True)
class FaultLanded(Event):
    """The effect of a fault was seen.

    Attributes:
        fault: the number of the fault.
        how: how its effect was seen.
    """

    fault: int
    how: str


@dataclass(frozen=True)
class FaultHealed(Event):
    """A fault is undone, or what it broke is replaced.

    Attributes:
        fault: the number of the fault.
        how: how that was seen.
    """

    fault: int
    how: str


@dataclass(frozen=True)
class FaultFailed(Event):
    """A fault was not injected, or its effect or its undoing was not seen.

    Attributes:
        fault: the number of the fault.
        why: what went wrong.
    """

    fault: int
    why: str


# -- what goes wrong


@dataclass(frozen=True)
class ProblemFound(Event):
    """Something went wrong that makes the verdict `unknown`, or the run end. Each text is told once.

    Attributes:
        kind: "environment", "part_lost", "agent_crashed", "fault_error", "guard" (the stop condition holds),
            "stopped" (the service was wrong before any fault), "interrupted" or "not_cleaned_up".
        text: the thing, the place and the remedy, without secrets.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class ObserverFailed(Event):
    """An observer raised. The run and its verdict do not depend on observers and go on; told once an observer.

    Attributes:
        observer: the name of the observer's function or class.
        failed_on: the name of the class of the event on which it failed.
        why: the type and the text of the exception.
    """

    observer: str
    failed_on: str
    why: str


EVENTS: dict[str, type[Event]] = {
    "run_declared": RunDeclared,
    "phase_begun": PhaseBegun,
    "load_window": LoadWindow,
    "run_ended": RunEnded,
    "verdict_reached": VerdictReached,
    "run_finished": RunFinished,
    "member_changed": MemberChanged,
    "members_ready": MembersReady,
    "counts_scraped": CountsScraped,
    "agent_status": AgentStatus,
    "work_not_ended": WorkNotEnded,
    "fault_intended": FaultIntended,
    "fault_injected": FaultInjected,
    "fault_landed": FaultLanded,
    "fault_healed": FaultHealed,
    "fault_failed": FaultFailed,
    "problem_found": ProblemFound,
    "observer_failed": ObserverFailed,
}
"""Every event by the name that it has outside of Python."""
