"""Chooses the replica for a client's next request under the routing `hop`: another ready replica than the last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from time import monotonic
from typing import Any

Address = tuple[str, int]

BACK_OFF_S = 0.2
"""How long a replica that refused a connection is passed over, in seconds."""


class Members:
    """The replicas that are ready, as the parent process last told the agent.

    Another thread or greenlet may call `update` while readers read `ready`: each reader sees one whole snapshot.

    Attributes:
        ready: The name and address of each ready replica.
    """

    def __init__(self) -> None:
        self.ready: tuple[tuple[str, Address], ...] = ()

    def update(self, members: Sequence[Mapping[str, Any]]) -> list[Address]:
        """Take the members as they are now, and return the addresses that were ready and no longer are.

        The connections kept to the returned addresses are to be dropped.

        Args:
            members: One mapping a member with `name`, `host`, `port` (None for a member that serves nothing) and
                `state`.
        """
        ready = tuple(
            (str(member["name"]), (str(member["host"]), int(member["port"])))
            for member in members
            if member["state"] == "ready" and member["port"] is not None
        )
        before, self.ready = self.ready, ready
        left = {address for _, address in ready}
        return [address for _, address in before if address not in left]


class Hop:
    """The routing `hop` of one client: each request goes to another ready replica than the one before.

    State that a replica keeps for itself shows when the next request meets another replica.

    Args:
        members: The ready replicas.
        seed: Fixes the choices for a given course of memberships.
        back_off_s: How long a replica that refused a connection is passed over, in seconds.
    """

    def __init__(self, members: Members, seed: int, back_off_s: float = BACK_OFF_S) -> None:
        self._members = members
        self._random = Random(seed).random
        self._back_off_s = back_off_s
        self._until_s: dict[str, float] = {}
        self._last: str | None = None
        self._before: str | None = None

    def next(self) -> tuple[str, Address] | None:
        """Return the name and address of the replica for the next request.

        Returns:
            Another ready replica than the last one; the last one when it is the only one; None when no replica is
                ready.
        """
        ready = self._members.ready
        if self._until_s:
            now_s = monotonic()
            self._until_s = {name: until_s for name, until_s in self._until_s.items() if until_s > now_s}
            ready = tuple(member for member in ready if member[0] not in self._until_s)
        others = [member for member in ready if member[0] != self._last] or ready
        if not others:
            return None
        chosen = others[int(self._random() * len(others))]
        self._before, self._last = self._last, chosen[0]
        return chosen

    def refused(self, name: str | None) -> None:
        """Pass over a replica for a while, because it refused the connection.

        The replica saw no request, so that the replica before it counts as the last one again.

        Args:
            name: The replica that `next` gave; None for an address that belongs to no single replica.
        """
        if name is None:
            return
        self._until_s[name] = monotonic() + self._back_off_s
        if name == self._last:
            self._last = self._before
