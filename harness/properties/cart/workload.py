"""Carts: clients add lines two at once, look for them, and remove them, in carts that several clients share.

A doubtful add is sent again with its key where the contract allows that. Only an acknowledged line is removed: a remove
that overtook its add would find nothing, and would be mistaken for a remove of a lost line.
"""

from __future__ import annotations

from dataclasses import dataclass

import gevent

from harness.client.caller import Caller, Context, Op, Reply, spread
from harness.properties.cart.contract import Cart, CartPromises
from harness.properties.declared import Declared
from harness.properties.visitor import SessionItem, Visitor, login, read_back, seen, session_of
from harness.properties.workload import Workload

OPEN_A_VISITOR = 4
ENDED_A_VISITOR = 4
ATTEMPTS = 4
PRESENT, ABSENT = "present", "absent"


@dataclass(slots=True)
class Line:
    """One line of a cart.

    Attributes:
        key: name of the line in the journal, and its idempotency key.
        quantity: the amount that the add sends.
        session: the session that adds the line.
        id: the service's id of the line; None until an add is acknowledged.
        replica: name of the replica that acknowledged the add.
        removed: whether a remove was acknowledged.
    """

    key: str
    quantity: int
    session: SessionItem
    id: str | None = None
    replica: str | None = None
    removed: bool = False


class CartWorkload(Workload[Cart, CartPromises]):
    """The workload that issues adds, looks and removes of cart lines."""

    def __init__(self, context: Context, declared: Declared[Cart, CartPromises]) -> None:
        """Begin with no items. The arguments are those of `Workload`."""
        super().__init__(context, declared)
        self.lines: list[Line] = []

    def step(self, visitor: Visitor) -> None:
        """See `Workload.step`."""
        caller = visitor.caller
        session = session_of(visitor, self.name)
        if not session:
            return
        mine = [line for line in visitor.open if isinstance(line, Line) and not line.session.lost]
        ended = [line for line in visitor.ended if isinstance(line, Line) and not line.session.lost]
        chance = caller.random.random()
        if len(mine) < OPEN_A_VISITOR and (not mine or chance < 0.35):
            visitor.open += self._two_at_once(caller, session)
        elif chance < 0.47:
            line = caller.random.choice(mine)
            self.remove(caller, line)
            visitor.open.remove(line)
            visitor.ended = [*visitor.ended, line][-ENDED_A_VISITOR:]
            self.look(caller, line)
        else:
            self.look(caller, caller.random.choice([*mine, *ended]))

    def _two_at_once(self, caller: Caller, session: SessionItem) -> list[Line]:
        """Add two lines to one cart at the same time with two clients, and return the acknowledged ones."""
        lines = [self._new(caller, session) for _ in range(2)]
        second = Caller(self.context, caller.routing, caller.random.getrandbits(32))
        other = gevent.spawn(self._until_definite, second, lines[1])
        self._until_definite(caller, lines[0])
        other.get()
        second.close()
        return [line for line in lines if line.id]

    def _new(self, caller: Caller, session: SessionItem) -> Line:
        line = Line(self.context.item("l"), caller.random.randint(1, 9), session)
        self.lines.append(line)
        return line

    def _until_definite(self, caller: Caller, line: Line) -> None:
        for _ in range(ATTEMPTS if self.section.add.retry else 1):
            reply = self.add(caller, line)
            if not (reply.doubtful or reply.kind in ("in_progress", "no_effect")) or self.context.stopping:
                return
            gevent.sleep(0.05)

    def add(self, caller: Caller, line: Line, expect: list[str] | None = None) -> Reply:
        """Send the add of a line once."""
        values = {**self._values(line), "key": line.key, "reference": line.key, "amount": line.quantity}
        reply = caller.call(
            "cart.add", self._op("add", line, expect), values, lambda fields: {"given_id": str(fields["id"])}
        )
        if reply.ok and line.id is None:
            line.id, line.replica = str(reply.fields["id"]), reply.replica
        return seen(line.session, reply)

    def look(
        self,
        caller: Caller,
        line: Line,
        expect: list[str] | None = None,
        avoid: str | None = None,
        through: str | None = None,
        want: str | None = None,
    ) -> Reply:
        """Read the cart, and journal whether the cart holds the line."""
        op = self._op("look", line, expect)
        op.want = want

        def observe(fields: dict[str, object]) -> dict[str, object]:
            return {"value": PRESENT if self.section.holds(fields["lines"], str(line.id)) else ABSENT}

        return seen(line.session, caller.call("cart.show", op, self._values(line), observe, avoid, through))

    def remove(self, caller: Caller, line: Line, expect: list[str] | None = None) -> Reply:
        """Remove an acknowledged line."""
        reply = caller.call("cart.remove", self._op("remove", line, expect), {**self._values(line), "id": line.id})
        line.removed = line.removed or reply.ok
        return seen(line.session, reply)

    def _op(self, kind: str, line: Line, expect: list[str] | None) -> Op:
        return Op(self.name, kind, line.key, session=line.session.key, user=line.session.user, expect=expect)

    @staticmethod
    def _values(line: Line) -> dict[str, object]:
        return {"token": line.session.token, "username": line.session.user}

    def steady(self, caller: Caller) -> None:
        """See `Workload.steady`."""
        session = login(caller, self.name, ["ok"])
        if not session:
            return
        line = self._new(caller, session)
        if not self.add(caller, line, ["ok"]).ok:
            return
        for name, _ in self.context.members.ready:
            self.look(caller, line, ["ok"], through=name if self.context.settings.hop else None, want=PRESENT)
        if self.section.add.retry:
            self.add(caller, line, ["ok"])
        self.remove(caller, line, ["ok"])
        self.look(caller, line, ["ok"], want=ABSENT)
        self.remove(caller, line, ["missing"])

    def settle(self) -> None:
        """Send doubtful adds again where the contract allows that, so that their lines can be looked for."""
        if self.section.add.retry:
            doubtful = [line for line in self.lines if line.id is None and not line.session.lost]
            spread(self.context, "hop", doubtful, self._until_definite)

    def final(self) -> None:
        """See `Workload.final`. Removed lines are looked for as well."""
        read_back(self.context, [line for line in self.lines if line.id], self.look)
