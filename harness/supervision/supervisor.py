"""Keeps the wanted number of members alive, and says who is ready.

It does what a cluster's controller does: a member that died or is being stopped is replaced after
`replace_after_s`. Where the platform is such a controller, it only sees who took whose place. Every member is asked on
its own, so that one that hangs does not hide the others.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from harness.errors import EnvironmentFailure, HarnessError
from harness.platforms.abilities import Admitting, Renewable, SelfHealing, Startable, offered, required
from harness.platforms.base import DEAD, LIVING, POLLED, ROLES, Member, Platform, Role
from harness.supervision.succession import NOT_WANTED, Succession

_POLL_S = 0.1
_THREADS = 32
_CHOSEN_S = 5.0


@dataclass
class _Vacancy:
    """A place to be filled, at a time (monotonic). `dead` is the member that had it; None when more are wanted."""

    at: float
    dead: str | None


class Supervisor:
    """Keeps the wanted number of members alive. `start()` it after the deployment, `stop()` it before the tear-down."""

    def __init__(
        self,
        platform: Platform,
        desired: Mapping[Role, int],
        on_change: Callable[[list[Member]], None],
        *,
        stop_grace_s: float = 10.0,
        replace_after_s: float = 1.0,
        on_problem: Callable[[str], None] | None = None,
        on_loss: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare the supervision of a deployed target.

        The callbacks have to return soon, because the supervisor waits for them.

        Args:
            platform: Where the target runs.
            desired: By role the wanted number of members.
            on_change: Gets the full list of members on every change.
            stop_grace_s: How long a member may take to end when it is stopped because fewer are wanted.
            replace_after_s: How long the place of a dead member stays empty.
            on_problem: Gets what makes the run untrustworthy, each text once.
            on_loss: Gets in its place what became of a part beside the members (store, ledger, balancer).
        """
        self.platform = platform
        self.self_healing = offered(platform, SelfHealing)
        self.desired: dict[Role, int] = {role: desired.get(role, 0) for role in ROLES}
        self.stop_failures: dict[str, str] = {}
        self._on_change, self._on_problem = on_change, on_problem or (lambda text: None)
        self._on_loss = on_loss or self._on_problem
        self._stop_grace_s, self._replace_after_s = stop_grace_s, replace_after_s
        self._changed = threading.Condition(threading.RLock())
        self._members: list[Member] = []
        self._vacancies: dict[Role, list[_Vacancy]] = {role: [] for role in ROLES}
        self._successions: dict[Role, Succession] = {role: Succession() for role in ROLES}
        self._surge: dict[Role, int] = dict.fromkeys(ROLES, 0)
        self._begun_held: set[Role] = set()
        self._starting = threading.Lock()
        self._known_dead: set[str] = set()
        self._replaced: dict[str, str] = {}
        self._been_ready: set[str] = set()
        self._being_polled: set[str] = set()
        self._problems_told: set[str] = set()
        self._telling = threading.RLock()
        self._is_over = False
        self._stopping: list[threading.Thread] = []
        self._end = threading.Event()
        self._wake = threading.Event()
        self._pool = ThreadPoolExecutor(_THREADS, "ready")
        self._thread = threading.Thread(target=self._loop, name="supervisor", daemon=True)

    # -- its life

    def start(self) -> None:
        """Look at the members once, so that `members()` is true from now on, then go on in a thread."""
        self._look()
        self._thread.start()

    def stop(self, deadline_s: float = 2.0) -> None:
        """Tell the last change; nothing is started, asked or told after this returns. May be called twice.

        A member that still drains after the deadline is left to the tear-down, which ends the member.
        """
        until = time.monotonic() + deadline_s
        self._end.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for thread in self._stopping:
            thread.join(max(0.0, until - time.monotonic()))
        with self._telling:
            self._is_over = True
        self._look()

    def _loop(self) -> None:
        while not self._end.is_set():
            try:
                self._tick()
            except Exception as error:
                self._problem(f"supervisor: {error!r}")
            self._wake.wait(_POLL_S)
            self._wake.clear()

    def _tick(self) -> None:
        self._look()
        for text in self.platform.failures():
            self._tell_once(text, self._on_loss)
        for text in self.platform.problems():
            self._problem(text)
        for role in ROLES:
            self._replace(role)
        for member in self.platform.members():
            if member.state in POLLED and member.name not in self._being_polled:
                self._being_polled.add(member.name)
                self._pool.submit(self._poll, member)
        self._look()

    def _poll(self, member: Member) -> None:
        try:
            is_ready = self.platform.ready(member)
        except HarnessError as error:
            self._problem(f"{member.name} cannot be asked whether it is ready: {error}")
            return
        finally:
            self._being_polled.discard(member.name)
        # Only news are told at once: were every answer a reason to look again, members would be asked without pause.
        if is_ready != (member.state == "ready"):
            self._wake.set()

    def _look(self) -> None:
        members = self.platform.members()
        with self._changed:
            self._been_ready |= {member.name for member in members if member.state == "ready"}
            if members == self._members:
                return
            self._members = members
            self._changed.notify_all()
        self._on_change(list(members))

    def _problem(self, text: str) -> None:
        self._tell_once(text, self._on_problem)

    def _tell_once(self, text: str, tell: Callable[[str], None]) -> None:
        with self._telling:
            if text not in self._problems_told and not self._is_over:
                self._problems_told.add(text)
                tell(text)

    # -- the wanted number

    def _replace(self, role: Role) -> None:
        if self.self_healing is not None:
            self._note_successors(role)
            return
        now = time.monotonic()
        with self._changed:
            missing = self._vacancies_of(role, now)
            ripe = [due for due in self._vacancies[role][:missing] if due.at <= now]
            self._vacancies[role] = [due for due in self._vacancies[role] if due not in ripe]
        for due in ripe:
            if self._end.is_set():
                return
            self._fill(role, due)

    def _note_successors(self, role: Role) -> None:
        """Note who took whose place, where the platform has replaced the dead by itself."""
        with self._changed:
            mine = [member for member in self.platform.members() if member.role == role]
            self._replaced.update(self._successions[role].look(mine, self.desired[role]))
            self._changed.notify_all()

    def _vacancies_of(self, role: Role, now: float) -> int:
        """Bring the vacancies of a role in line with the members that are missing; return how many are missing."""
        mine = [member for member in self.platform.members() if member.role == role]
        due = self._vacancies[role]
        wanted = self.desired[role] + self._surge[role]
        missing = max(0, wanted - sum(member.state in LIVING for member in mine))
        for member in mine:
            if member.state not in LIVING and member.name not in self._known_dead:
                self._known_dead.add(member.name)
                due.append(_Vacancy(now + self._replace_after_s, member.name))
        while len(due) < missing:
            due.append(_Vacancy(now, None))
        for surplus in due[missing:]:
            if surplus.dead is not None:
                self._replaced[surplus.dead] = NOT_WANTED
        del due[missing:]
        self._changed.notify_all()
        return missing

    def _fill(self, role: Role, due: _Vacancy) -> None:
        try:
            with self._starting:
                member = required(self.platform, Startable).start(role, held=role in self._begun_held)
        except EnvironmentFailure as error:
            self._problem(f"a {role} could not be started: {error}")
            with self._changed:
                self._vacancies[role].append(_Vacancy(time.monotonic() + self._replace_after_s, due.dead))
            return
        with self._changed:
            if due.dead is not None:
                self._replaced[due.dead] = member.name
            self._changed.notify_all()

    def set_desired(self, role: Role, count: int) -> list[str]:
        """Want so many members of a role from now on, and return the names of those that are stopped for it.

        The newest of the surplus are stopped. A stop that is not seen is put into `stop_failures` and told as a
        problem. A platform that heals itself chooses its surplus members, and is waited for.
        """
        if self.self_healing is not None:
            return self._scale(self.self_healing, role, count)
        with self._changed:
            self.desired[role] = count
            mine = [member for member in self.platform.members() if member.role == role and member.state in LIVING]
            # A frozen member hears nothing until it is thawed, so it goes last.
            mine.sort(key=lambda member: (member.state == "paused", -member.number))
            surplus = [member.name for member in mine[: max(0, len(mine) - count)]]
            self.retire(surplus)
        return surplus

    def _scale(self, self_healing: SelfHealing, role: Role, count: int) -> list[str]:
        with self._changed:
            before = [m.name for m in self.platform.members() if m.role == role and m.state in LIVING]
            self.desired[role] = count
        self_healing.scale(role, count)
        until = time.monotonic() + _CHOSEN_S
        while True:
            living = {member.name for member in self.platform.members() if member.state in LIVING}
            chosen = [name for name in before if name not in living]
            if len(chosen) >= len(before) - count or time.monotonic() > until:
                return chosen if count < len(before) else []
            self._end.wait(_POLL_S / 2)

    def retire(self, names: Sequence[str], successor: str = NOT_WANTED) -> None:
        """Begin to stop members gracefully, for good.

        A stop that is not seen is put into `stop_failures` and told as a problem.

        Args:
            names: The members to stop.
            successor: The member that has taken their place already, if any has.
        """
        with self._changed:
            self._known_dead.update(names)
            self._replaced.update(dict.fromkeys(names, successor))
        for name in names:
            thread = threading.Thread(target=self._stop, args=(name,), name=f"stop {name}", daemon=True)
            self._stopping.append(thread)
            thread.start()
        self._wake.set()

    def _stop(self, name: str) -> None:
        try:
            self.platform.stop(name, self._stop_grace_s)
        except EnvironmentFailure as error:
            if any(member.name == name and member.state == "killed" for member in self.platform.members()):
                # Another fault was faster: there is nothing left to be stopped.
                return
            self.stop_failures[name] = str(error)
            self._problem(str(error))
        self._wake.set()

    # -- another version, see `harness.supervision.rollout`

    def renew(self, role: Role, environment: Mapping[str, str]) -> list[str]:
        """Begin members of a new version from now on; return the living ones of the old version, the oldest first.

        Raises:
            EnvironmentFailure: The platform cannot begin another version.
        """
        with self._starting, self._changed:
            required(self.platform, Renewable).renew(role, environment)
            return [member.name for member in self.platform.members() if member.role == role and member.state in LIVING]

    def surge(self, role: Role, count: int, held: bool = False) -> None:
        """Want so many members beyond the wanted number for the time being.

        Args:
            role: Whose members.
            count: How many more; 0 ends the surge.
            held: Members that are begun from now on are held back from requests.
        """
        with self._changed:
            self._surge[role] = count
            (self._begun_held.add if held else self._begun_held.discard)(role)
        self._wake.set()

    def admit(self, names: Sequence[str]) -> None:
        """Let requests go to replicas that were held, and tell everybody before this returns.

        Raises:
            EnvironmentFailure: The balancer does not take one of them.
        """
        required(self.platform, Admitting).admit(names)
        self._look()

    def wait_for(
        self, role: Role, settled: Callable[[], str | None], deadline_s: float, abort: threading.Event | None
    ) -> str:
        """Wait until `settled` returns how something was seen, and return that.

        Raises:
            EnvironmentFailure: It was not seen before the deadline, or `abort` was set.
        """
        return self._wait(settled, deadline_s, abort, lambda: self._short_of(role, self.desired[role]))

    # -- asking it

    def members(self) -> list[Member]:
        """Return the list that was last given to `on_change`."""
        with self._changed:
            return list(self._members)

    def ready(self, role: Role) -> list[Member]:
        """Return the ready members of a role that are not held, the oldest first."""
        return sorted(
            (m for m in self.platform.members() if m.role == role and m.state == "ready" and not m.held),
            key=lambda member: member.number,
        )

    def wait_ready(self, role: Role, count: int, deadline_s: float, abort: threading.Event | None = None) -> str:
        """Wait until exactly `count` members are ready and none is coming or going; return how that was seen.

        Raises:
            EnvironmentFailure: It was not seen before the deadline, or `abort` was set.
        """

        def settled() -> str | None:
            states = Counter(m.state for m in self.platform.members() if m.role == role and m.state not in DEAD)
            return f"{count} of {count} {role}s ready" if states == Counter({"ready": count}) else None

        return self._wait(settled, deadline_s, abort, lambda: self._short_of(role, count))

    def wait_scaled(
        self, role: Role, stopped: list[str], deadline_s: float, abort: threading.Event | None = None
    ) -> str:
        """Wait until the number given to `set_desired` is reached, and return how that was seen.

        With fewer members wanted, the stopped ones have exited. With more, so many have been ready, and those of them
        that another fault has taken since are being replaced: were all to be ready in one moment, frequent kills would
        hide the growth.

        Args:
            role: Whose number.
            stopped: What `set_desired` returned.
            deadline_s: How long to wait.
            abort: Ends the wait when it is set.

        Raises:
            EnvironmentFailure: It was not seen before the deadline, or `abort` was set.
        """
        count = self.desired[role]

        def settled() -> str | None:
            members = self.platform.members()
            if any(member.name in stopped and member.state not in DEAD for member in members):
                return None
            ready = sum(member.role == role and member.state == "ready" for member in members)
            if stopped:
                return f"{len(stopped)} exited, {ready} {role}s ready"
            lost = self._filled_places(role, members) - ready
            missing = f", {lost} lost to other faults meanwhile" if lost > 0 else ""
            return f"{ready} {role}s ready{missing}" if ready + max(0, lost) >= count else None

        return self._wait(settled, deadline_s, abort, lambda: self._short_of(role, count))

    def _filled_places(self, role: Role, members: list[Member]) -> int:
        """Count the places that a ready member has filled, and that are filled or being filled again."""
        living = {member.name for member in members if member.state in LIVING}
        taken = 0
        for name in self._been_ready:
            if not name.startswith(role):
                continue
            successor = self._replaced.get(name)
            while successor and successor not in self._been_ready and successor not in living:
                successor = self._replaced.get(successor)
            taken += name in living or (successor != NOT_WANTED and successor not in self._been_ready)
        return taken

    def wait_replaced(self, name: str, deadline_s: float, abort: threading.Event | None = None) -> str:
        """Wait until the successor of a dead member is ready, and return how that was seen.

        A successor that died is replaced too: then the last in the line is waited for.

        Raises:
            EnvironmentFailure: It was not seen before the deadline, or `abort` was set.
        """

        def settled() -> str | None:
            successor, states = name, {member.name: member.state for member in self.platform.members()}
            while successor in self._replaced and (successor == name or states.get(successor, "gone") not in LIVING):
                successor = self._replaced[successor]
                if successor == NOT_WANTED:
                    return "no replacement: fewer are wanted now"
            return (
                f"{successor} is ready in its place" if successor != name and states.get(successor) == "ready" else None
            )

        role: Role = "worker" if name.startswith("worker") else "replica"
        return self._wait(settled, deadline_s, abort, lambda: self._short_of(role, self.desired[role]))

    def _wait(
        self,
        settled: Callable[[], str | None],
        deadline_s: float,
        abort: threading.Event | None,
        failure: Callable[[], str],
    ) -> str:
        until = time.monotonic() + deadline_s
        with self._changed:
            while True:
                seen = settled()
                if seen is not None:
                    return seen
                left = until - time.monotonic()
                if abort is not None and abort.is_set():
                    raise EnvironmentFailure(f"not awaited any longer, the run is being ended: {failure()}")
                if left <= 0:
                    raise EnvironmentFailure(f"not within {deadline_s:g} s: {failure()}")
                self._changed.wait(min(left, 0.05))

    def _short_of(self, role: Role, count: int) -> str:
        mine = [m for m in self.platform.members() if m.role == role and m.state not in DEAD]
        states = ", ".join(f"{member.name} {member.state}" for member in mine) or "none is there"
        waiting = next((member.name for member in mine if member.state != "ready"), None)
        log = f"\n{self.platform.log_tail(waiting)}" if waiting else ""
        return f"{count} ready {role}s are wanted, there are {states}{log}"
