"""Who took whose place, where the platform itself replaces the dead: seen from its members alone. Pure.

A member that appears is the successor of the one that has been missing longest. In a rollout the successors come first.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.platforms.base import LIVING, Member

NOT_WANTED = ""


class Succession:
    """Who succeeded whom in one role. `look` is to be called with every change of its members."""

    def __init__(self) -> None:
        self._known: set[str] | None = None
        self._accounted: set[str] = set()
        self._waiting: list[str] = []
        self._early: list[str] = []

    def look(self, members: Sequence[Member], wanted: int) -> dict[str, str]:
        """Take note of the members, and return what is new: by a dead or leaving member its successor.

        The successor is `NOT_WANTED` when fewer members are wanted than there were.

        Args:
            members: All members of the role.
            wanted: How many of them are wanted.
        """
        first = self._known is None
        known = self._known if self._known is not None else {member.name for member in members}
        mine = sorted(members, key=lambda member: member.number)
        self._early += [member.name for member in mine if member.name not in known]
        self._known = known | {member.name for member in mine}
        gone = [member.name for member in mine if member.state not in LIVING and member.name not in self._accounted]
        self._accounted.update(gone)
        self._early = [name for name in self._early if name not in gone]
        self._waiting += [] if first else gone
        found = {}
        while self._waiting and self._early:
            found[self._waiting.pop(0)] = self._early.pop(0)
        living = sum(member.state in LIVING for member in mine)
        # Beyond the wanted number are only those who came before the ones they replace have left.
        self._early = self._early[max(0, len(self._early) - max(0, living - wanted)) :]
        missing = max(0, wanted - living)
        found |= dict.fromkeys(self._waiting[missing:], NOT_WANTED)
        del self._waiting[missing:]
        return found
