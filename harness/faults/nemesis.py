"""Injects the plan, each fault in a thread of its own, and undoes all of it on every way out.

A fault is never silent: it ends as landed and healed, or as failed with the reason. One whose intent cannot be
written is not injected; one without a victim, or whose effect cannot be seen, has failed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from harness.errors import EnvironmentFailure, FaultNotSeen, HarnessError
from harness.faults.base import Context
from harness.faults.schedule import Planned
from harness.faults.undo import LiveTarget, Nothing, OfMember, Undo, UndoLog, in_order
from harness.platforms.base import DEAD, Member, Platform, Role
from harness.rundir.faults import FaultRecord
from harness.supervision.supervisor import Supervisor

_SPARE_WAIT_S = 6.0
_LOOK_S = 0.02
_THAW_S = 6.0


def _victims(context: Context) -> dict[str, list[str]]:
    return {"stopped": list(context.stopped)} if context.stopped else {}


class Nemesis:
    """The faults of one run: `start` when the load starts, `heal_all` when the load has ended, however it ended."""

    def __init__(
        self,
        plan: Sequence[Planned],
        platform: Platform,
        supervisor: Supervisor,
        record: Path,
        *,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        on_problem: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare the faults of a plan.

        Args:
            plan: The faults in the order of their times.
            platform: Where the target runs.
            supervisor: Keeps the wanted number of members.
            record: The run's faults.jsonl.
            on_event: Gets each line of the record.
            on_problem: Gets what spoils the run.
        """
        self._plan, self._platform, self._supervisor = list(plan), platform, supervisor
        self._record = FaultRecord(record, on_event)
        self._log = UndoLog(self._record, LiveTarget(platform, supervisor))
        self._on_problem = on_problem
        self._declared: dict[Role, int] = dict(supervisor.desired)
        self._abort, self._give_up = threading.Event(), threading.Event()
        self._choosing = threading.Lock()
        self._healing = threading.Lock()
        self._scaling: dict[str, threading.Lock] = {"replica": threading.Lock(), "worker": threading.Lock()}
        self._taken: set[str] = set()
        self._never_due = [*self._plan]
        self._threads: list[tuple[Planned, threading.Thread]] = []
        self._clock: threading.Thread | None = None
        self.problems: list[str] = []

    # -- when

    def start(self, start_ns: int) -> None:
        """Begin. All times of the plan count from `start_ns` (monotonic), the start of the load."""
        self._clock = threading.Thread(target=self._run, args=(start_ns,), name="nemesis", daemon=True)
        self._clock.start()

    def _run(self, start_ns: int) -> None:
        for planned in self._plan:
            due_s = start_ns / 1e9 + planned.at_s
            if self._abort.wait(max(0.0, due_s - time.monotonic())):
                return
            self._never_due.remove(planned)
            name = f"fault {planned.number} ({planned.fault.kind})"
            thread = threading.Thread(target=self._guarded, args=(planned,), name=name, daemon=True)
            self._threads.append((planned, thread))
            thread.start()

    # -- one fault

    def _guarded(self, planned: Planned) -> None:
        try:
            self._one(planned)
        except HarnessError as error:
            self._failed(planned, str(error))
        except Exception as error:
            self._failed(planned, f"{type(error).__name__}: {error}")

    def _one(self, planned: Planned) -> None:
        fault = planned.fault
        with self._victim(planned) as target, self._alone(planned):
            undo = partial(self._log.carry_out, planned.number)
            context = Context(self._platform, self._supervisor, target, self._abort, self._give_up, undo)
            if self._abort.is_set():
                self._intent(planned, None, None, Nothing())
                raise EnvironmentFailure("the run began to heal before it was injected")
            self._intent(planned, fault.describe(context), target, fault.undo(context))
            self._record.write("injected", planned.number)
            try:
                how = fault.inject(context)
                self._record.write("landed", planned.number, how=how, **_victims(context))
            except Exception as error:
                self._failed(planned, str(error), **_victims(context))
                self._undo_failed(planned)
                return
            how = fault.heal(context)
            if self._is_lasting(planned.number):
                how = self._log.carry_out(planned.number)
            self._record.write("healed", planned.number, how=how)

    def _is_lasting(self, number: int) -> bool:
        return isinstance(self._log.open().get(number), OfMember)

    def _undo_failed(self, planned: Planned) -> None:
        """Undo what was not seen to land: it may have landed all the same."""
        if isinstance(self._log.intended(planned.number), OfMember):
            with suppress(EnvironmentFailure):
                self._record.write("healed", planned.number, how=self._log.carry_out(planned.number))

    def _intent(self, planned: Planned, name: str | None, target: Member | None, undo: Undo) -> None:
        self._log.intend(
            planned.number,
            undo,
            kind=planned.fault.kind,
            role=planned.fault.role,
            target=name,
            boot=target.boot if target else None,
            planned_s=planned.at_s,
        )

    def _failed(self, planned: Planned, why: str, **members: Any) -> None:
        try:
            self._record.write("failed", planned.number, why=why, **members)
        except OSError as error:
            self._problem(f"fault {planned.number} failed ({why}), which could not be recorded: {error}")

    def _problem(self, text: str) -> None:
        self.problems.append(text)
        if self._on_problem is not None:
            self._on_problem(text)

    # -- on whom

    @contextmanager
    def _victim(self, planned: Planned) -> Iterator[Member | None]:
        """Yield a ready member that no other fault has, and keep it for this fault until that is over."""
        if not planned.fault.needs_target:
            yield None
            return
        target = self._choose(planned)
        try:
            yield target
        finally:
            with self._choosing:
                self._taken.discard(target.name)

    def _choose(self, planned: Planned) -> Member:
        fault, until = planned.fault, time.monotonic() + _SPARE_WAIT_S
        while True:
            with self._choosing:
                free = [member for member in self._supervisor.ready(fault.role) if member.name not in self._taken]
                if len(free) > fault.min_ready:
                    target = free[int(planned.pick * len(free))]
                    self._taken.add(target.name)
                    return target
            if time.monotonic() > until or self._abort.wait(_LOOK_S):
                self._intent(planned, None, None, Nothing())
                raise FaultNotSeen(
                    f"no {fault.role} to spare: {len(free)} ready and free of faults,"
                    f" {fault.min_ready} must stay (min_ready)"
                )

    @contextmanager
    def _alone(self, planned: Planned) -> Iterator[None]:
        if not planned.fault.whole_role:
            yield
            return
        with self._scaling[planned.fault.role]:
            yield

    # -- undoing

    def heal_all(self, why: str = "the load ended before it was due", wait_s: float = 30.0) -> list[str]:
        """Inject no fault from now on, and carry out all that is open in the undo log. Look again at the end.

        May be called again, from any thread.

        Args:
            why: Why faults that were never due are recorded as failed.
            wait_s: How long to wait until the declared numbers of members are ready; 0 when a tear-down follows, which
                needs no numbers.

        Returns:
            What could not be healed, one line each.
        """
        with self._healing:
            self._abort.set()
            if wait_s <= 0:
                self._give_up.set()
            self._end_plan(why)
            until = time.monotonic() + wait_s
            # A fault undoes what it did to its own victim, and says so; what is open after that has lost its fault.
            self._join(time.monotonic() + _THAW_S, lasting_only=True)
            self._undo_members()
            problems = self._numbers_again(until) if wait_s > 0 else []
            problems += self._join(max(until, time.monotonic() + _THAW_S))
            # A fault that had just begun may have changed a number after the numbers were brought back.
            problems += self._undo_numbers() if wait_s > 0 else []
            problems += self._undo_members() + self._still_frozen()
            for text in problems:
                self._problem(text)
            return problems

    def _undo_members(self) -> list[str]:
        """Carry out what is open of single members; the dead need nothing. Return what could not be done."""
        living = {member.name for member in self._platform.members() if member.state not in DEAD}
        return self._undo(
            {n: each for n, each in self._log.open().items() if isinstance(each, OfMember)},
            lambda action: isinstance(action, OfMember) and action.member not in living,
        )

    def _undo_numbers(self) -> list[str]:
        return self._undo({n: each for n, each in self._log.open().items() if not isinstance(each, OfMember)})

    def _undo(self, actions: Mapping[int, Undo], is_moot: Callable[[Undo], bool] = lambda action: False) -> list[str]:
        problems = []
        for numbers, action in in_order(actions):
            if is_moot(action):
                self._log.close(numbers[0], "its member is dead")
                continue
            try:
                self._log.undo(numbers)
            except EnvironmentFailure as error:
                problems.append(f"{action.failed}: {error}")
        return problems

    def _still_frozen(self) -> list[str]:
        """Look again, and name members that are frozen though nothing is open for them."""
        known = {each.member for each in self._log.open().values() if isinstance(each, OfMember)}
        frozen = [member.name for member in self._platform.members() if member.state == "paused"]
        return [f"not thawed: {name} is frozen, and no fault says so" for name in frozen if name not in known]

    def _numbers_again(self, until: float) -> list[str]:
        """Bring the declared numbers back, and wait until so many are ready."""
        problems = self._undo_numbers()
        for role, count in self._declared.items():
            try:
                self._supervisor.wait_ready(role, count, max(0.1, until - time.monotonic()))
            except EnvironmentFailure as error:
                problems.append(f"not healed: {error}")
        return problems

    def _join(self, until: float, lasting_only: bool = False) -> list[str]:
        mine = [thread for planned, thread in self._threads if planned.fault.lasts or not lasting_only]
        for thread in mine:
            thread.join(max(0.0, until - time.monotonic()))
        return [f"{thread.name} has not come to an end" for thread in mine if thread.is_alive()]

    def _end_plan(self, why: str) -> None:
        if self._clock is not None:
            self._clock.join()
        while self._never_due:
            planned = self._never_due.pop(0)
            try:
                self._intent(planned, None, None, Nothing())
            except OSError as error:
                self._problem(f"fault {planned.number}: {error}")
            self._failed(planned, f"{why} (at {planned.at_s:g} s)")
