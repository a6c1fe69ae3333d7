"""The members of a run and their states: which may follow which, and how a platform acts on a member and asks it.

Each platform composes one `MemberTable` with rows of its own, and says by `has_ended` how it sees that a member died.

    starting ─> ready <─> unready      what a member says when it is asked
    paused                             frozen by the run; unready once it is thawed, until it says otherwise
    stopping                           asked to end, by the run or by the platform
    killed, gone                       dead: by the run's own SIGKILL, or in any other way
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from harness.errors import FaultNotSeen
from harness.platforms.base import DEAD, LIVING, POLLED, Role, State

_ANY: frozenset[State] = frozenset({"ready", "unready", "paused", "stopping", "killed", "gone"})
FOLLOWS: dict[State, frozenset[State]] = {
    "starting": _ANY,
    "ready": _ANY,
    "unready": _ANY,
    "paused": _ANY - {"ready"},
    "stopping": _ANY - {"ready"},
    # A platform may see the end of a member before the kill that caused it returns.
    "gone": frozenset({"killed"}),
    "killed": frozenset(),
}
"""By state the states that may follow: the dead stay dead, and what was killed stays killed."""


class Row(Protocol):
    """What a table needs of a platform's own record of a member."""

    name: str
    role: Role
    state: State
    boot: str | None


AnyRow = TypeVar("AnyRow", bound=Row)


class MemberTable(Generic[AnyRow]):
    """All members of one run. `lock` guards the states; it may be held around several calls."""

    def __init__(self, has_ended: Callable[[AnyRow], bool] = lambda row: False) -> None:
        """Make an empty table.

        Args:
            has_ended: Says whether a living member has died by itself. Left out where the platform is told of that in
                another way.
        """
        self.lock = threading.RLock()
        self.rows: dict[str, AnyRow] = {}
        self._has_ended = has_ended
        self._numbers: dict[Role, int] = {}

    # -- names

    def new_name(self, role: Role) -> str:
        """Return a name that no member of the run had before."""
        with self.lock:
            number = self._numbers[role] = self._numbers.get(role, 0) + 1
            return f"{role}-{number}"

    def number_from(self, role: Role, number: int) -> None:
        """Let the next member of a role have this number."""
        with self.lock:
            self._numbers[role] = number - 1

    def names_given(self) -> set[str]:
        """Return all names that were ever given, those of forgotten members too."""
        with self.lock:
            return {f"{role}-{number + 1}" for role, last in self._numbers.items() for number in range(last)}

    # -- rows

    def add(self, row: AnyRow) -> None:
        """Take a new member in."""
        with self.lock:
            self.rows[row.name] = row

    def find(self, name: str) -> AnyRow:
        """Return the row of a member. Raises `FaultNotSeen` when there is none of that name."""
        with self.lock:
            row = self.rows.get(name)
        if row is None:
            raise FaultNotSeen(f"there is no member {name}")
        return row

    def all(self) -> list[AnyRow]:
        """Return the rows of all members, in the order in which they came, after a look at each."""
        with self.lock:
            for row in self.rows.values():
                self.look(row)
            return list(self.rows.values())

    def dead(self) -> list[AnyRow]:
        """Return the rows of the dead, in the order in which they came."""
        with self.lock:
            return [row for row in self.rows.values() if row.state in DEAD]

    def forget(self, rows: list[AnyRow]) -> None:
        """Drop these rows; their names are not given again."""
        with self.lock:
            for row in rows:
                self.rows.pop(row.name, None)

    # -- states

    def look(self, row: AnyRow) -> State:
        """Return the state of a member, after a look whether it has died by itself."""
        with self.lock:
            if row.state in LIVING and self._has_ended(row):
                row.state = "gone"
            return row.state

    def move(self, row: AnyRow, state: State) -> bool:
        """Give a member another state, if that may follow (`FOLLOWS`); say whether it did."""
        with self.lock:
            if state != row.state and state not in FOLLOWS[row.state]:
                return False
            row.state = state
            return True

    def act(
        self, name: str, during: State, after: State | Callable[[AnyRow], State], action: Callable[[AnyRow], str]
    ) -> str:
        """Do something to a member, and return how its effect was seen.

        After a failure the member has its state of before again, or is gone.

        Args:
            name: The member.
            during: Its state while `action` is under way.
            after: Its state once the effect was seen, or what tells the state then.
            action: Does it. Returns how the effect was seen, and raises when it was not; what it raises comes through.

        Raises:
            FaultNotSeen: There is no such member, or it is dead already.
        """
        row = self.find(name)
        with self.lock:
            before = self.look(row)
            if before in DEAD:
                raise FaultNotSeen(f"{name} is dead already ({before})")
            row.state = during
        try:
            seen = action(row)
        except BaseException:
            with self.lock:
                # `during` was an intent; were it `killed`, nothing could follow.
                if row.state == during:
                    row.state = "gone" if self._has_ended(row) else before
            raise
        with self.lock:
            self.move(row, after(row) if callable(after) else after)
        return seen

    def poll(self, name: str, ask: Callable[[AnyRow], tuple[bool, str | None]]) -> bool:
        """Ask a member whether it is ready, note the answer as its state, and return it.

        Args:
            name: The member. A frozen, stopping or dead one is not asked, and not ready.
            ask: Asks it; returns whether it is ready and its boot id, None where it told none.
        """
        row = self.find(name)
        if self.look(row) not in POLLED:
            return False
        is_ready, boot = ask(row)
        with self.lock:
            # Something may have been done to it while it was asked.
            if self.look(row) not in POLLED:
                return False
            if is_ready or row.state == "ready":
                self.move(row, "ready" if is_ready else "unready")
            row.boot = boot or row.boot
        return is_ready
