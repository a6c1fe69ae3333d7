"""What undoes each fault: on disk before the fault is injected, carried out by whoever finds it open.

There is one record, the intents of `faults.jsonl`, and one way to carry an action out, `Undo.carry_out`. While the run
lasts the nemesis does it, through the platform that it deployed (`LiveTarget`); after a death of the harness
`harness recover` does it, from the record alone (`harness.recovery.abandoned`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from harness.platforms.abilities import Disconnectable, Pausable, required
from harness.platforms.base import ROLES, Platform, Role
from harness.rundir.faults import FaultRecord
from harness.supervision.supervisor import Supervisor


class Hands(Protocol):
    """What carries an action out. Each method returns how the effect was seen, and can be called again."""

    def thaw(self, member: str, handle: str) -> str:
        """Let a frozen member run on."""

    def mend(self, member: str, handle: str) -> str:
        """Put a member back on the network by which it is reached."""

    def bring_back(self, role: Role, count: int) -> str:
        """Want so many members of a role again."""


class Undo(Protocol):
    """One action. `failed` says what the target is when it could not be carried out."""

    failed: ClassVar[str]

    def carry_out(self, hands: Hands) -> str:
        """Do it, and return how that was seen.

        Raises:
            FaultNotSeen: The effect was not seen. Other kinds of `EnvironmentFailure` mean the same.
        """

    def record(self) -> dict[str, Any]:
        """Return the action as the record has it."""


@dataclass(frozen=True)
class Nothing:
    """Nothing is to be undone: the fault ends by itself, or what it changed is replaced."""

    failed: ClassVar[str] = "not undone"

    def carry_out(self, hands: Hands) -> str:
        return "nothing was to be undone"

    def record(self) -> dict[str, Any]:
        return {"do": "none"}


@dataclass(frozen=True)
class Thaw:
    """A member is to run on. `handle`: by what the platform knows the member after the harness died."""

    member: str
    handle: str = ""
    failed: ClassVar[str] = "not thawed"

    def carry_out(self, hands: Hands) -> str:
        return hands.thaw(self.member, self.handle)

    def record(self) -> dict[str, Any]:
        return _of_member("resume", self.member, self.handle)


@dataclass(frozen=True)
class Mend:
    """A member is to be on its network again. `handle`: as for `Thaw`."""

    member: str
    handle: str = ""
    failed: ClassVar[str] = "not mended"

    def carry_out(self, hands: Hands) -> str:
        return hands.mend(self.member, self.handle)

    def record(self) -> dict[str, Any]:
        return _of_member("mend", self.member, self.handle)


@dataclass(frozen=True)
class BringBack:
    """So many members of a role are to be wanted again. Done when the run heals, not when its fault is over."""

    role: Role
    count: int
    failed: ClassVar[str] = "not brought back"

    def carry_out(self, hands: Hands) -> str:
        return hands.bring_back(self.role, self.count)

    def record(self) -> dict[str, Any]:
        return {"do": "bring_back", "role": self.role, "to": self.count}


OfMember = Thaw | Mend
"""Actions whose fault lasts only until they are carried out; moot when the member is dead."""


def _of_member(do: str, member: str, handle: str) -> dict[str, Any]:
    return {"do": do, "target": member, **({"handle": handle} if handle else {})}


def read_undo(record: object) -> Undo:
    """Return the action that a record describes, also one of an older harness.

    Raises:
        ValueError: no action is described so.
    """
    match record:
        case None | {"do": "none"}:
            return Nothing()
        case {"do": "resume", "target": str(member), **more}:
            return Thaw(member, _handle(more))
        case {"do": "mend", "target": str(member), **more}:
            return Mend(member, _handle(more))
        # By its members: older records have another word for what is to be done.
        case {"role": str(name), "to": int(count)} if name in ROLES:
            return BringBack(next(role for role in ROLES if role == name), count)
    raise ValueError(f"unknown undo action {record!r}: use the version of the harness that wrote it")


def _handle(more: Mapping[object, object]) -> str:
    found = more.get("handle", "")
    return found if isinstance(found, str) else ""


def still_open(lines: Iterable[Mapping[str, Any]]) -> dict[int, Undo]:
    """Return the actions of a record that were not carried out, by fault, in the order of their intents.

    A fault that healed has carried its own action out, but for a number to be brought back: that is done when the run
    heals, and noted as `undone`.

    Raises:
        ValueError: an intent has an action that this harness does not know.
    """
    found: dict[int, Undo] = {}
    for line in lines:
        number, event = line["fault"], line["e"]
        if event == "intent":
            found[number] = read_undo(line.get("undo"))
        elif event == "undone" or (event == "healed" and isinstance(found.get(number), OfMember)):
            found.pop(number, None)
    return {number: action for number, action in found.items() if action != Nothing()}


def in_order(actions: Mapping[int, Undo]) -> list[tuple[list[int], Undo]]:
    """Return the actions in the order in which they are carried out, each with the faults that it undoes.

    Of several changes of one role's number the first knows what was there before all of them, and stands for all.
    """
    found: list[tuple[list[int], Undo]] = [([n], each) for n, each in actions.items() if isinstance(each, OfMember)]
    for role in ROLES:
        numbers = [n for n, each in actions.items() if isinstance(each, BringBack) and each.role == role]
        if numbers:
            found.append((numbers, actions[numbers[0]]))
    return found


@dataclass(frozen=True)
class LiveTarget:
    """The target of a run in progress, as actions reach it."""

    platform: Platform
    supervisor: Supervisor

    def thaw(self, member: str, handle: str) -> str:
        return required(self.platform, Pausable).resume(member)

    def mend(self, member: str, handle: str) -> str:
        return required(self.platform, Disconnectable).mend(member)

    def bring_back(self, role: Role, count: int) -> str:
        if self.supervisor.desired[role] != count:
            self.supervisor.set_desired(role, count)
        return f"{count} {role}s are wanted again"


class UndoLog:
    """The undo actions of a run in progress: each is on disk before its fault is injected."""

    def __init__(self, record: FaultRecord, hands: Hands) -> None:
        """Make the log of a run.

        Args:
            record: The run's faults.jsonl.
            hands: Carry the actions out.
        """
        self._record, self._hands = record, hands
        self._intended: dict[int, Undo] = {}
        self._open: dict[int, Undo] = {}

    def intend(self, number: int, undo: Undo, **members: Any) -> None:
        """Write what is about to be done, and what would undo it.

        Raises:
            OSError: The line is not on the disk. Then nothing may be done.
        """
        self._record.write("intent", number, **members, undo=undo.record())
        self._intended[number] = undo
        if undo != Nothing():
            self._open[number] = undo

    def intended(self, number: int) -> Undo:
        """Return the action of a fault, carried out or not."""
        return self._intended.get(number, Nothing())

    def open(self) -> dict[int, Undo]:
        """Return what was not carried out yet, by fault, in the order of the intents."""
        return dict(self._open)

    def carry_out(self, number: int) -> str:
        """Carry the action of a fault out and return how that was seen; the action stays open if that fails.

        An action that is open no more is carried out once more: the fault may have landed after the action was.
        """
        seen = self.intended(number).carry_out(self._hands)
        self._open.pop(number, None)
        return seen

    def close(self, number: int, how: str) -> None:
        """Note that the action of a fault needs to be carried out no more, and why."""
        if self._open.pop(number, None) is not None:
            # It is done all the same; and to do it once more changes nothing.
            with suppress(OSError):
                self._record.write("undone", number, how=how)

    def undo(self, numbers: list[int]) -> None:
        """Carry out the action of the first of these faults, which stands for all of them, and note that."""
        seen = self.intended(numbers[0]).carry_out(self._hands)
        for number in numbers:
            self.close(number, seen)
