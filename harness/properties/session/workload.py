"""Sessions: log in, read, refresh, log out, read after log-out.

A refresh whose answer was lost is sent again with the same token, as any client must do. Now and then a client presents
a token a second time, which gets the same successor, or an older token, which is refused while the session lives on.
Where the contract promises that reuse revokes, a client presents a token long after its grace: such a token is a
thief's, and must end the session.
"""

from __future__ import annotations

import time

from harness.client.caller import Caller, Context, Op, Reply, spread
from harness.properties.declared import Declared
from harness.properties.session.contract import Session, SessionPromises
from harness.properties.visitor import SessionItem, Visitor, login, read_back
from harness.properties.workload import Workload

KEPT_A_VISITOR = 4
REFRESHED_AT_THE_END = 300
LEFT_A_VISITOR = 8
SPENT_MARGIN_S = 1.5
"""How long after its grace a token counts as spent, in seconds; more than the leeway that a check leaves to clocks."""


class SessionWorkload(Workload[Session, SessionPromises]):
    """The workload that issues log-ins, reads, refreshes and log-outs."""

    def __init__(self, context: Context, declared: Declared[Session, SessionPromises]) -> None:
        """Begin with no items. The arguments are those of `Workload`."""
        super().__init__(context, declared)
        session = self.section
        self.refreshes = session.refresh is not None
        self.logs_out = session.logout is not None
        self.shows_user = "user" in session.read.extract
        self.items: list[SessionItem] = []

    def step(self, visitor: Visitor) -> None:
        """See `Workload.step`."""
        caller = visitor.caller
        live = [item for item in visitor.sessions if item.live]
        visitor.ended = [*visitor.ended, *live[:-KEPT_A_VISITOR]][-LEFT_A_VISITOR:]
        visitor.sessions = live[-KEPT_A_VISITOR:]
        if not visitor.sessions or caller.random.random() < 0.14:
            item = login(caller, self.name)
            if item:
                self.items.append(item)
                visitor.sessions.append(item)
            return
        item = caller.random.choice(visitor.sessions)
        chance = caller.random.random()
        if self.refreshes and chance < 0.15:
            self.refresh(caller, item, item.chain[-1])
        elif self.refreshes and chance < 0.22:
            self._present_again(caller, item)
        elif chance < 0.26 and (spent := self._spent(visitor)):
            self._present_spent(caller, spent)
        elif self.logs_out and chance > 0.9:
            self.logout(caller, item)
            self.read(caller, item)
        else:
            self.read(caller, item)

    def _present_again(self, caller: Caller, item: SessionItem) -> None:
        """Present an older token, within half the grace since its rotation, so that the promised answer is known."""
        grace_ns = (self.promises.refresh_grace_s or 0) * 1e9 / 2
        steps = caller.random.choice((2, 3))
        if len(item.chain) < steps or time.monotonic_ns() - item.rotated_ns[-(steps - 1)] > grace_ns:
            self.refresh(caller, item, item.chain[-1])
        else:
            self.refresh(caller, item, item.chain[-steps])

    def _spent(self, visitor: Visitor) -> SessionItem | None:
        """Return a live session of the visitor whose first refresh token is spent; None when there is none."""
        promises = self.promises
        if not (self.refreshes and promises.refresh_reuse_revokes) or promises.refresh_grace_s is None:
            return None
        since_ns = time.monotonic_ns() - (promises.refresh_grace_s + SPENT_MARGIN_S) * 1e9
        for item in (*visitor.ended, *visitor.sessions):
            if isinstance(item, SessionItem) and item.live and item.rotated_ns and item.rotated_ns[0] < since_ns:
                return item
        return None

    def _present_spent(self, caller: Caller, item: SessionItem) -> None:
        """Present the oldest refresh token of the session, then read the session, which must be gone."""
        reply = self.refresh(caller, item, item.chain[0])
        item.doubtful = item.doubtful or reply.doubtful
        item.revoked = item.revoked or not (reply.doubtful or reply.kind == "no_effect")
        self.read(caller, item)

    def read(
        self,
        caller: Caller,
        item: SessionItem,
        expect: list[str] | None = None,
        avoid: str | None = None,
        through: str | None = None,
    ) -> Reply:
        """Read the session; the answer must name the user who owns it."""
        fingerprint = self.context.fingerprint
        op = Op(self.name, "read", item.key, session=item.key, user=item.user, expect=expect)
        if self.shows_user:
            op.want = fingerprint(item.user)
        reply = caller.call(
            "session.read",
            op,
            {"token": item.token, "username": item.user},
            (lambda fields: {"value": fingerprint(str(fields["user"]))}) if self.shows_user else None,
            avoid,
            through,
        )
        item.lost = item.lost or (reply.kind == "absent")
        return reply

    def refresh(self, caller: Caller, item: SessionItem, presented: str, expect: list[str] | None = None) -> Reply:
        """Present a refresh token. Only an answer to the newest one gives the session new tokens."""
        fingerprint = self.context.fingerprint
        op = Op(self.name, "refresh", item.key, session=item.key, arg=fingerprint(presented), expect=expect)
        values = {"refresh": presented, "token": item.token}
        reply = caller.call(
            "session.refresh", op, values, lambda fields: {"value": fingerprint(str(fields["refresh"]))}
        )
        if presented == item.chain[-1]:
            item.unsure = reply.doubtful or (item.unsure and not reply.ok)
        if reply.ok and presented == item.chain[-1]:
            item.token = str(reply.fields["token"])
            item.chain.append(str(reply.fields["refresh"]))
            item.rotated_ns.append(time.monotonic_ns())
        elif reply.kind == "refused" and presented == item.chain[-1]:
            item.lost = True
        return reply

    def logout(self, caller: Caller, item: SessionItem, expect: list[str] | None = None) -> Reply:
        """Revoke the session."""
        op = Op(self.name, "logout", item.key, session=item.key, expect=expect)
        refresh = item.chain[-1] if item.chain else ""
        reply = caller.call("session.logout", op, {"token": item.token, "refresh": refresh})
        item.revoked = item.revoked or reply.ok
        item.doubtful = item.doubtful or reply.doubtful
        return reply

    def steady(self, caller: Caller) -> None:
        """See `Workload.steady`."""
        item = login(caller, self.name, ["ok"])
        if not item:
            return
        self.items.append(item)
        for name, _ in self.context.members.ready:
            self.read(caller, item, ["ok"], through=name if self.context.settings.hop else None)
        if self.refreshes:
            self.refresh(caller, item, item.chain[-1], ["ok"])
        self.read(caller, item, ["ok"])
        if self.logs_out:
            self.logout(caller, item, ["ok"])
            self.read(caller, item, ["absent"])

    def settle(self) -> None:
        """Refresh live sessions with their newest refresh tokens, which must have outlived all faults.

        A token that may have been rotated already is not presented, since after its grace it may rightly end the
        session. Doubtful log-outs are left as they are: nothing is promised about them.
        """
        if self.refreshes:
            held = [item for item in self.items if item.live and not item.unsure][-REFRESHED_AT_THE_END:]
            spread(self.context, "hop", held, lambda caller, item: self.refresh(caller, item, item.chain[-1]))

    def final(self) -> None:
        """See `Workload.final`."""
        read_back(self.context, self.items, self.read)
