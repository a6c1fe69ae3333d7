"""Rate limits: clients send bursts beyond the limit, go on asking while refused, and ask again after a silence.

Every request counts for its user, whichever of the user's clients sends it and whichever replica gets it.
"""

from __future__ import annotations

from harness.client.caller import Caller, Context, Op, Reply
from harness.properties.declared import Declared
from harness.properties.limit.contract import Limit, LimitPromises
from harness.properties.visitor import SessionItem, Visitor, login, seen, session_of
from harness.properties.workload import Workload

REFUSALS = 2
ASKED_A_WINDOW = 6


class LimitWorkload(Workload[Limit, LimitPromises]):
    """The workload that issues limited requests in bursts, steadily, and after silences."""

    def __init__(self, context: Context, declared: Declared[Limit, LimitPromises]) -> None:
        """Begin with no items. The arguments are those of `Workload`."""
        super().__init__(context, declared)
        self.window_s = self.promises.limit_window_s or 1.0
        self.most = self.promises.limit_most or 20

    def step(self, visitor: Visitor) -> None:
        """See `Workload.step`."""
        caller = visitor.caller
        if caller.random.random() < 0.1:
            # Change to another user, so that all limits are used, and some by several clients.
            visitor.sessions = []
        session = session_of(visitor, self.name)
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
        """Send more requests than the limit admits, one after the other without a pause."""
        refused = 0
        for _ in range(3 * self.most):
            refused += self.hit(caller, session).kind == "limited"
            if refused >= REFUSALS or session.lost or self.context.stopping:
                return

    def _ask_on(self, caller: Caller, session: SessionItem) -> None:
        """Ask for longer than two windows, so often that most requests are refused and a few are admitted."""
        pause_s = self.window_s / ASKED_A_WINDOW
        for _ in range(2 * ASKED_A_WINDOW + 3):
            self.hit(caller, session)
            if session.lost or self.context.stopping:
                return
            caller.pause(pause_s * 0.5, pause_s)

    def hit(self, caller: Caller, session: SessionItem, expect: list[str] | None = None) -> Reply:
        """Send the limited request once."""
        op = Op(self.name, "hit", session.user, session=session.key, user=session.user, expect=expect)
        return seen(session, caller.call("limit.hit", op, {"token": session.token, "username": session.user}))

    def steady(self, caller: Caller) -> None:
        """See `Workload.steady`. A user from a file may have used its limit up before, through another agent."""
        session = login(caller, self.name, ["ok"])
        if session:
            self.hit(caller, session, ["ok"] if not self.declared.users_from_file else None)
            for _ in range(self.most + 1):
                self.hit(caller, session, ["ok", "limited"])
