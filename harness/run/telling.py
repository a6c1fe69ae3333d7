"""Turns what the parts of a run say into events, and hands each event to the run's observers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from typing import Any

from harness.platforms.base import Member
from harness.redact import redact_patterns, redact_text
from harness.run.events import (
    AgentStatus,
    Event,
    FaultFailed,
    FaultHealed,
    FaultInjected,
    FaultIntended,
    FaultLanded,
    MemberChanged,
    MembersReady,
    Observer,
    ObserverFailed,
    PhaseBegun,
    ProblemFound,
)
from harness.run.run_record import RunRecord
from harness.signals import uninterrupted


class Telling:
    """Where the parts of one run put what they have to say. Methods are called from any thread.

    The record hears of each event first: a run that cannot be recorded cannot be judged, and ends. All other observers
    are for those who watch: one that fails costs what it would have shown, and no more.
    """

    def __init__(
        self, record: RunRecord, observers: Sequence[Observer], secrets: Callable[[], Collection[str]] = frozenset
    ) -> None:
        """Tell events to `record` and `observers`; problems are told without what `secrets` returns at that time."""
        self._record, self._observers, self._secrets = record, list(observers), secrets
        self._one_at_a_time = threading.RLock()
        self._failed: set[int] = set()
        self._states: dict[str, tuple[str, str | None]] = {}
        self._problems: set[str] = set()

    def tell(self, event: Event) -> None:
        """Give one event to every observer, one after another.

        Raises:
            EnvironmentFailure: the record could not be written. The observers have been told all the same.
        """
        # A signal waits until all have heard: raised within an observer, it would be taken for a failure of that one.
        with uninterrupted(), self._one_at_a_time:
            try:
                self._record(event)
            finally:
                for number, observer in enumerate(self._observers):
                    self._tell_one(number, observer, event)

    def _tell_one(self, number: int, observer: Observer, event: Event) -> None:
        try:
            observer(event)
        except Exception as error:
            if number not in self._failed:
                self._failed.add(number)
                why = f"{type(error).__name__}: {error}"
                self.tell(ObserverFailed(_name_of(observer), type(event).__name__, self.redacted(why)))

    def redacted(self, text: str) -> str:
        """Return a text without the secrets that are known by now."""
        return redact_text(text, self._secrets())

    def phase(self, name: str) -> None:
        """Tell that a phase begins."""
        self.tell(PhaseBegun(name))

    def problem(self, kind: str, text: str) -> None:
        """Tell a problem, unless the same text was told before; see `ProblemFound` for the kinds."""
        text = self.redacted(text)
        with self._one_at_a_time:
            if text in self._problems:
                return
            self._problems.add(text)
        self.tell(ProblemFound(kind, text))

    def members(self, members: Sequence[Member]) -> None:
        """Tell which members have changed since the last call, and how many are ready now.

        Args:
            members: all members, living and dead.
        """
        with self._one_at_a_time:
            for member in members:
                if self._states.get(member.name) != (member.state, member.boot):
                    self._states[member.name] = (member.state, member.boot)
                    self.tell(MemberChanged(member.name, member.role, member.boot, member.state))
            ready = [member.role for member in members if member.state == "ready"]
            self.tell(MembersReady(ready.count("replica"), ready.count("worker")))

    def agent_status(self, agent: int, counters: dict[str, Any]) -> None:
        """Tell the counters of a load agent."""
        self.tell(AgentStatus(agent, counters))

    def fault_line(self, line: dict[str, Any]) -> None:
        """Tell what was just written to faults.jsonl.

        Args:
            line: the line, see `harness.rundir.faults`. One of a kind that is no event is passed over.
        """
        event = _fault_event(line)
        if event is not None:
            self.tell(event)


def _fault_event(line: dict[str, Any]) -> Event | None:
    fault, at_ns = line["fault"], line["at"]
    match line["e"]:
        case "intent":
            target, boot, planned_s = line["target"], line["boot"], line["planned_s"]
            return FaultIntended(fault, line["kind"], line["role"], target, boot, planned_s, at_ns=at_ns)
        case "injected":
            return FaultInjected(fault, at_ns=at_ns)
        case "landed":
            return FaultLanded(fault, redact_patterns(line["how"]), at_ns=at_ns)
        case "healed":
            return FaultHealed(fault, redact_patterns(line["how"]), at_ns=at_ns)
        case "failed":
            return FaultFailed(fault, redact_patterns(line["why"]), at_ns=at_ns)
    return None


def _name_of(observer: Observer) -> str:
    return str(getattr(observer, "__qualname__", type(observer).__qualname__))
