"""Orders: several users ask for the same order at once, each under a key of its own, and one of them gets the order.

A doubtful attempt is sent again with its key, as a client must. Some attempts are sent twice at once, and some clients
give up after one attempt. The user who has the order looks at it again later, and now and then a user looks who must
not see it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial

import gevent

from harness.client.caller import Caller, Context, Op, Reply, spread
from harness.properties.declared import Declared
from harness.properties.order.contract import Order
from harness.properties.promises import CommonPromises
from harness.properties.visitor import SessionItem, Visitor, login, read_back, seen
from harness.properties.workload import Workload

ATTEMPTS = 5
ASK_AGAIN_S = 0.15
SESSIONS_A_VISITOR = 3
ENDED_A_VISITOR = 6
DEFINITE = ("ok", "refused", "mismatch", "missing")
"""Classes of answer after which a client does not ask again."""


@dataclass(slots=True)
class Racer:
    """One request for an order, by one session under one idempotency key.

    Attributes:
        key: the idempotency key.
        session: the session that asks.
        definite: whether an attempt got a definite answer.
        last_ns: when the last attempt ended, in nanoseconds of the monotonic clock; 0 before the first one.
    """

    key: str
    session: SessionItem
    definite: bool = False
    last_ns: int = 0


@dataclass(slots=True)
class ContestedOrder:
    """One order, with the racers that ask for it.

    Attributes:
        key: name of the order in the journal, and its reference in the requests.
        quantity: the amount in the body of every request.
        racers: the requests of all who ask for the order.
        winner: the racer whose attempt was acknowledged; None when no attempt was.
        replica: name of the replica that acknowledged the winner's attempt.
    """

    key: str
    quantity: int
    racers: list[Racer] = field(default_factory=list)
    winner: Racer | None = None
    replica: str | None = None


class OrderWorkload(Workload[Order, CommonPromises]):
    """The workload that issues races for orders, and looks at orders."""

    def __init__(self, context: Context, declared: Declared[Order, CommonPromises]) -> None:
        """Begin with no items. The arguments are those of `Workload`."""
        super().__init__(context, declared)
        section = self.section
        states = section.states
        self.states = {**dict.fromkeys(states.pending, "pending"), **dict.fromkeys(states.done, "done")}
        self.orders: list[ContestedOrder] = []

    def step(self, visitor: Visitor) -> None:
        """See `Workload.step`."""
        caller = visitor.caller
        visitor.sessions = [item for item in visitor.sessions if item.live]
        if len(visitor.sessions) < SESSIONS_A_VISITOR:
            item = login(caller, self.name)
            visitor.sessions += [item] if item else []
            if not visitor.sessions:
                return
        ended = [order for order in visitor.ended if isinstance(order, ContestedOrder) and order.winner]
        chance = caller.random.random()
        if ended and chance < 0.4:
            self._again(caller, caller.random.choice(ended))
            return
        count = 1 if chance < 0.55 else caller.random.randint(2, SESSIONS_A_VISITOR)
        sessions = caller.random.sample(visitor.sessions, min(count, len(visitor.sessions)))
        order = self._new(caller, sessions)
        if chance > 0.93:
            self.place(caller, order, order.racers[0])
            return
        self._race(caller, order, twice=chance > 0.8)
        if order.winner:
            self.inspect(caller, order)
            visitor.ended = list[object]([*ended, order])[-ENDED_A_VISITOR:]

    def _new(self, caller: Caller, sessions: list[SessionItem]) -> ContestedOrder:
        order = ContestedOrder(self.context.item("o"), caller.random.randint(1, 99))
        order.racers = [Racer(self.context.item("k"), session) for session in sessions]
        self.orders.append(order)
        return order

    def _race(self, caller: Caller, order: ContestedOrder, twice: bool) -> None:
        """Let all racers ask at once; if `twice`, the first of them sends its request twice at once."""

        def other(racer: Racer) -> None:
            second = Caller(self.context, caller.routing, caller.random.getrandbits(32))
            self._until_definite(second, order, racer)
            second.close()

        rest = [order.racers[0], *order.racers[1:]] if twice else order.racers[1:]
        others = [gevent.spawn(other, racer) for racer in rest]
        self._until_definite(caller, order, order.racers[0])
        gevent.joinall(others, raise_error=True)

    def _again(self, caller: Caller, order: ContestedOrder) -> None:
        """Come back to an order: the winner looks at it or repeats its request, or another racer looks at it."""
        losers = [racer for racer in order.racers if racer is not order.winner]
        chance = caller.random.random()
        if order.winner and chance < 0.25:
            self.place(caller, order, order.winner)
        elif losers and chance < 0.4:
            self.inspect(caller, order, racer=caller.random.choice(losers))
        else:
            self.inspect(caller, order)

    def _until_definite(self, caller: Caller, order: ContestedOrder, racer: Racer) -> None:
        for _ in range(ATTEMPTS):
            if racer.definite or racer.session.lost:
                return
            reply = self.place(caller, order, racer)
            if not racer.definite and reply.kind != "error":
                caller.pause(ASK_AGAIN_S, ASK_AGAIN_S)

    def place(self, caller: Caller, order: ContestedOrder, racer: Racer, expect: list[str] | None = None) -> Reply:
        """Let a racer ask for the order once."""
        fingerprint = self.context.fingerprint
        arg = fingerprint(f"{racer.key}/{order.quantity}/{order.key}")
        session = racer.session
        op = Op(self.name, "place", order.key, session=session.key, user=session.user, arg=arg, expect=expect)
        values = {**self._values(order, racer), "key": racer.key, "amount": order.quantity}

        def observe(fields: dict[str, object]) -> dict[str, object]:
            shown: dict[str, object] = {"value": fingerprint(repr(sorted(fields.items())))}
            return {**shown, "given_id": str(fields["id"])} if "id" in fields else shown

        reply = caller.call("order.place", op, values, observe)
        racer.last_ns = time.monotonic_ns()
        racer.definite = racer.definite or reply.kind in DEFINITE
        if reply.ok and order.winner is None:
            order.winner, order.replica = racer, reply.replica
        return seen(session, reply)

    def inspect(
        self,
        caller: Caller,
        order: ContestedOrder,
        expect: list[str] | None = None,
        avoid: str | None = None,
        through: str | None = None,
        racer: Racer | None = None,
    ) -> Reply:
        """Look at the order by the session of `racer`; by the winner's when `racer` is None."""
        racer = racer or order.winner or order.racers[0]
        session = racer.session
        op = Op(self.name, "inspect", order.key, session=session.key, user=session.user, expect=expect)

        def observe(fields: dict[str, object]) -> dict[str, object]:
            shown: dict[str, object] = {"state": self.states.get(str(fields["state"]), str(fields["state"]))}
            return {**shown, "given_id": str(fields["id"])} if "id" in fields else shown

        return seen(session, caller.call("order.show", op, self._values(order, racer), observe, avoid, through))

    @staticmethod
    def _values(order: ContestedOrder, racer: Racer) -> dict[str, object]:
        return {"token": racer.session.token, "username": racer.session.user, "reference": order.key}

    def steady(self, caller: Caller) -> None:
        """See `Workload.steady`."""
        sessions = [item for item in (login(caller, self.name, ["ok"]) for _ in range(2)) if item]
        if len(sessions) < 2:
            return
        order = self._new(caller, sessions)
        first, second = order.racers
        self.place(caller, order, first, ["ok"])
        self.place(caller, order, second, ["refused"])
        self.place(caller, order, first, ["ok"])
        for name, _ in self.context.members.ready:
            self.inspect(caller, order, ["ok"], through=name if self.context.settings.hop else None)
        if first.session.user != second.session.user:
            self.inspect(caller, order, ["missing"], racer=second)

    def settle(self) -> None:
        """Repeat half of the doubtful requests at once, and leave the others to the service's own completer first."""
        doubtful = [(order, racer) for order in self.orders for racer in order.racers if not racer.definite]
        promised_s = self.promises.definite_answer_s
        for part, wait_s in ((doubtful[::2], 0.0), (doubtful[1::2], promised_s)):
            spread(self.context, "hop", part, partial(self._ask, wait_s))

    def _ask(self, wait_s: float, caller: Caller, pair: tuple[ContestedOrder, Racer]) -> None:
        order, racer = pair
        if racer.session.lost:
            return
        gevent.sleep(max(0.0, racer.last_ns / 1e9 + wait_s - time.monotonic()))
        if wait_s:
            self.inspect(caller, order, racer=racer)
        deadline = time.monotonic() + self.promises.definite_answer_s
        while not racer.definite and not racer.session.lost:
            reply = self.place(caller, order, racer)
            if racer.definite or time.monotonic() > deadline:
                return
            if reply.kind == "in_progress" and wait_s:
                return
            gevent.sleep(ASK_AGAIN_S)

    def final(self) -> None:
        """See `Workload.final`. The winner also repeats its request, and another racer looks at the order."""
        won = [order for order in self.orders if order.winner]
        read_back(self.context, won, self.inspect)
        spread(self.context, "hop", won, self._once_more)

    def _once_more(self, caller: Caller, order: ContestedOrder) -> None:
        if order.winner:
            self.place(caller, order, order.winner)
        losers = [racer for racer in order.racers if racer is not order.winner]
        if losers:
            self.inspect(caller, order, racer=losers[0])
