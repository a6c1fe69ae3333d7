"""Where a client's next request goes under `hop`: to another ready replica than its last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from time import monotonic
from typing import Any

Address = tuple[str, int]

BACK_OFF_S = 0.2


class Members:
    """The replicas that are ready, as the parent last pushed them.

    `update` may be called from another thread or greenlet than the readers': they see one whole snapshot.
    """

    def __init__(self) -> None:
        self.ready: tuple[tuple[str, Address], ...] = ()

    def update(self, members: Sequence[Mapping[str, Any]]) -> list[Address]:
        """Take the members as they are now: mappings with `name`, `host`, `port`, `state`.

        Returns the addresses that were ready and no longer are, whose kept connections are to be dropped.
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
    """Routing `hop`: hidden state shows when a client's next request meets another replica than its last.

    `seed` fixes the choices for a given course of memberships. `back_off_s` is how long a replica that
    refused is passed over.
    """

    def __init__(self, members: Members, seed: int, back_off_s: float = BACK_OFF_S) -> None:
        self._members = members
        self._random = Random(seed).random
        self._back_off_s = back_off_s
        self._until_s: dict[str, float] = {}
        self._last: str | None = None
        self._before: str | None = None

    def next(self) -> tuple[str, Address] | None:
        """Another ready replica than the last, the last when it is the only one, None when there is none."""
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
        """Pass over replica `name` for a while. It saw no request, so the one before it is the last again."""
        if name is None:
            return
        self._until_s[name] = monotonic() + self._back_off_s
        if name == self._last:
            self._last = self._before
