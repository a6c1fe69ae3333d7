"""Rate limits: bursts beyond what is admitted, asking on while refused, and silence after which there is a turn again.

Every request counts for its user, whichever of the user's clients sends it and whichever replica gets it.
"""

from __future__ import annotations

from typing import ClassVar

from harness.client.caller import Caller, Context, Op, Reply
from harness.client.visitor import SessionItem, Visitor, login, seen, session_of
from harness.contract.model import Contract

REFUSALS = 2
ASKED_A_WINDOW = 6


class Limits:
    """See the module."""

    NAME: ClassVar[str] = "limits"
    PROVES: ClassVar[str] = "a rate limit holds over all replicas, and refuses nobody who has a turn"
    needs: ClassVar[tuple[str, ...]] = ("session", "limit")

    def __init__(self, context: Context) -> None:
        self.context = context
        promises = context.contract.promises
        self.window_s = promises.limit_window_s or 1.0
        self.most = promises.limit_most or 20

    @staticmethod
    def kinds(contract: Contract) -> list[str]:
        """See `Workload.kinds`."""
        return ["hit"]

    def step(self, visitor: Visitor) -> None:
        """See `Workload.step`."""
        caller = visitor.caller
        if caller.random.random() < 0.1:
            # Another user next, so that every limit is used, and some by several clients.
            visitor.sessions = []
        session = session_of(visitor, self.NAME)
        if not session:
            return
        chance = caller.random.random()
        if chance < 0.4:
            self._burst(caller, session)
        elif chance < 0.7:
            self._ask_on(caller, session)
        else:
            self.hit(caller, session)
            caller.pause(self.window_s * 1.1, self.window_s * 1.2)
            self.hit(caller, session)

    def _burst(self, caller: Caller, session: SessionItem) -> None:
        """As many as there are turns and more, one after the other without a pause."""
        refused = 0
        for _ in range(3 * self.most):
            refused += self.hit(caller, session).kind == "limited"
            if refused >= REFUSALS or session.lost or self.context.stopping:
                return

    def _ask_on(self, caller: Caller, session: SessionItem) -> None:
        """For longer than two windows, so often that most are refused, and yet one has a turn now and then."""
        pause_s = self.window_s / ASKED_A_WINDOW
        for _ in range(2 * ASKED_A_WINDOW + 3):
            self.hit(caller, session)
            if session.lost or self.context.stopping:
                return
            caller.pause(pause_s * 0.5, pause_s)

    def hit(self, caller: Caller, session: SessionItem, expect: list[str] | None = None) -> Reply:
        """Ask once."""
        op = Op(self.NAME, "hit", session.user, session=session.key, user=session.user, expect=expect)
        return seen(session, caller.call("limit.hit", op, {"token": session.token, "username": session.user}))

    def steady(self, caller: Caller) -> None:
        """See `Workload.steady`. The user of a file may have been asked for by another agent before."""
        session = login(caller, self.NAME, ["ok"])
        if session:
            self.hit(caller, session, ["ok"] if self.context.contract.users.file is None else None)
            for _ in range(self.most + 1):
                self.hit(caller, session, ["ok", "limited"])

    def quiet(self) -> list[str]:
        """Nothing goes on in the background."""
        return []

    def settle(self) -> None:
        """Nothing was promised to a doubtful request."""

    def final(self) -> None:
        """A limit keeps nothing that could be read again."""
