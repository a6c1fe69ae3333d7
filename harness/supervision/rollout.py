"""Another version in the place of the old one, under load: one member after another, or all at one stroke.

    roll      one member more than wanted is begun; when it is ready, the oldest of the old is stopped gracefully, and
              so on (what a cluster does with maxSurge 1, maxUnavailable 0)
    switch    as many members as wanted are begun, held back from requests; when all are ready they are admitted at one
              stroke, and the old ones are stopped gracefully (blue and green)

Seen to land when every member of the old version has exited by itself, and the wanted number of the new is ready.
A platform that heals itself does both on its own, and is watched. What is not seen in time is undone: nothing
of it may land later, when another fault is looked at, or what is left is read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from harness.errors import EnvironmentFailure, FaultNotSeen
from harness.platforms.abilities import SelfHealing
from harness.platforms.base import LIVING, Member, Role
from harness.supervision.supervisor import Supervisor


@dataclass
class Rollout:
    """One change of version.

    Attributes:
        supervisor: Keeps the wanted number of members meanwhile.
        role: Whose members are replaced.
        environment: The variables of the new version; empty for the same version anew.
        deadline_s: How long the whole may take.
        abort: Ends the rollout when it is set.
        old: Is filled with the members of the old version as they are asked to end, and stays as it is on a failure.
    """

    supervisor: Supervisor
    role: Role
    environment: Mapping[str, str]
    deadline_s: float
    abort: threading.Event | None = None
    old: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._until = time.monotonic() + self.deadline_s

    def roll(self) -> str:
        """Replace the old members one after another, and return how that was seen.

        Raises:
            EnvironmentFailure: It was not seen in time, or `abort` was set.
        """
        healer = self.supervisor.self_healing
        if healer is not None:
            return self._by_platform(healer, lambda: healer.roll(self.role, self.environment))
        before = self.supervisor.renew(self.role, self.environment)
        return self._by_supervisor(lambda: self._one_by_one(before), before)

    def switch(self) -> str:
        """Replace all old members at one stroke, and return how that was seen.

        Raises:
            EnvironmentFailure: It was not seen in time, or `abort` was set.
        """
        healer = self.supervisor.self_healing
        if healer is not None:
            wanted = (self.role, self.environment, self.deadline_s, self.abort)
            return self._by_platform(healer, lambda: healer.switch(*wanted))
        before = self.supervisor.renew(self.role, self.environment)
        return self._by_supervisor(lambda: self._at_once(before), before)

    def _by_platform(self, healer: SelfHealing, begin: Callable[[], None]) -> str:
        before = [member.name for member in self._members()]
        try:
            begin()
            self.old.extend(before)
            return self._replaced(before)
        except BaseException as error:
            try:
                healer.give_up(self.role)
            except EnvironmentFailure as also:
                raise EnvironmentFailure(f"{error}; nor could it be undone: {also}") from error
            raise

    def _by_supervisor(self, change: Callable[[], None], before: list[str]) -> str:
        try:
            change()
            return self._replaced(before)
        except BaseException:
            self._give_up()
            raise

    def _one_by_one(self, before: list[str]) -> None:
        wanted = self.supervisor.desired[self.role]
        self.supervisor.surge(self.role, 1)
        while True:
            self._wait(lambda: self._count("ready") > wanted or not self._living(before))
            left = self._living(before)
            if not left:
                break
            # A frozen member hears nothing until it is thawed.
            chosen = min(left, key=lambda member: (member.state == "paused", member.number)).name
            if len(left) == 1:
                self.supervisor.surge(self.role, 0)
            self._retire([chosen], before)
            self._wait(partial(self._is_gone, chosen))
        self.supervisor.surge(self.role, 0)

    def _is_gone(self, name: str) -> bool:
        return name not in {member.name for member in self._members()}

    def _at_once(self, before: list[str]) -> None:
        wanted = self.supervisor.desired[self.role]
        for count in range(1, wanted + 1):
            # One after another: where all share a machine, their start must not starve those that serve.
            self.supervisor.surge(self.role, count, held=True)
            self._wait(partial(self._are_held, before, count))
        self.supervisor.surge(self.role, wanted)
        self.supervisor.admit([member.name for member in self._new(before) if member.held])
        self.supervisor.surge(self.role, 0)
        self._retire([member.name for member in self._living(before)], before)

    def _are_held(self, before: list[str], count: int) -> bool:
        return sum(member.held and member.state == "ready" for member in self._new(before)) >= count

    def _give_up(self) -> None:
        """Want the number of before again; new members that stay get their share of the requests."""
        self.supervisor.surge(self.role, 0)
        self.supervisor.set_desired(self.role, self.supervisor.desired[self.role])
        left = [member.name for member in self._members() if member.held and member.state in LIVING]
        if left:
            self.supervisor.admit(left)

    def _retire(self, names: list[str], before: list[str]) -> None:
        successors = [member.name for member in self._new(before) if member.state == "ready"]
        self.old.extend(names)
        self.supervisor.retire(names, *successors[-1:])

    def _replaced(self, before: list[str]) -> str:
        def settled() -> str | None:
            mine = self._members()
            if any(member.name in before for member in mine) or self._count("ready") != len(mine):
                return None
            wanted = self.supervisor.desired[self.role]
            said = f"{wanted} {self.role}s of the new version ready, {len(before)} of the old gone"
            return said if len(mine) == wanted else None

        seen = self.supervisor.wait_for(self.role, settled, max(0.0, self._until - time.monotonic()), self.abort)
        failed = [self.supervisor.stop_failures[name] for name in before if name in self.supervisor.stop_failures]
        if failed:
            raise FaultNotSeen("; ".join(failed))
        return seen

    def _wait(self, holds: Callable[[], bool]) -> None:
        left_s = max(0.0, self._until - time.monotonic())
        self.supervisor.wait_for(self.role, lambda: "so" if holds() else None, left_s, self.abort)

    def _members(self) -> list[Member]:
        """Return the members of the role that are there, the stopping ones too."""
        members = self.supervisor.platform.members()
        return [member for member in members if member.role == self.role and member.state in {*LIVING, "stopping"}]

    def _living(self, names: list[str]) -> list[Member]:
        return [member for member in self._members() if member.name in names and member.state in LIVING]

    def _new(self, before: list[str]) -> list[Member]:
        return [member for member in self._members() if member.name not in before and member.state in LIVING]

    def _count(self, state: str) -> int:
        return sum(member.state == state and not member.held for member in self._members())
