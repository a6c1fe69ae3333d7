"""Payments: each key has one effect, whatever is lost on the way.

A doubtful attempt is sent again with the same key, as a client must. Some attempts are sent twice at once, and some a
few times by an impatient client while the first is under way. Some are repeated after the answer, and some are repeated
with another body, which must be refused. Some clients never come back after their first attempt. Where the contract
promises that keys are each user's own, two users use some keys.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import gevent

from harness.client.caller import Caller, Context, Op, Reply, spread
from harness.http.operation import Operation
from harness.properties.declared import Declared
from harness.properties.idempotency.contract import Idempotency, IdempotencyPromises
from harness.properties.visitor import SessionItem, Visitor, login, read_back, seen, session_of
from harness.properties.workload import Workload

ATTEMPTS = 5
ASK_AGAIN_S = 0.15
IMPATIENT_S = 0.04
DEFINITE = ("ok", "mismatch", "missing", "refused")
"""Classes of answer after which a client does not ask again."""


@dataclass(slots=True)
class Payment:
    """One payment: an idempotency key with the body that belongs to it.

    Attributes:
        key: name of the payment in the journal, and the reference of its effect.
        sent: the idempotency key as it is sent; two users may share one.
        amount: the amount in the body.
        session: the session that pays.
        replica: name of the replica that acknowledged the payment first.
        acknowledged: whether an attempt was acknowledged.
        definite: whether an attempt got a definite answer.
        last_ns: when the last attempt ended, in nanoseconds of the monotonic clock; 0 before the first one.
    """

    key: str
    sent: str
    amount: int
    session: SessionItem
    replica: str | None = None
    acknowledged: bool = False
    definite: bool = False
    last_ns: int = 0


class IdempotencyWorkload(Workload[Idempotency, IdempotencyPromises]):
    """The workload that issues keyed payments, and repeats them in every way that a client may."""

    def __init__(self, context: Context, declared: Declared[Idempotency, IdempotencyPromises]) -> None:
        """Begin with no items. The arguments are those of `Workload`."""
        super().__init__(context, declared)
        self.payments: list[Payment] = []

    def step(self, visitor: Visitor) -> None:
        """See `Workload.step`."""
        caller = visitor.caller
        session = session_of(visitor, self.name)
        if not session:
            return
        payment = self._new(caller, session)
        chance = caller.random.random()
        if chance < 0.13:
            self._at_once(caller, payment, [0.0])
        elif chance < 0.25:
            self._at_once(caller, payment, [caller.random.uniform(0, IMPATIENT_S) for _ in range(2)])
        elif chance < 0.32:
            self.attempt(caller, payment)
            return
        self._until_definite(caller, payment)
        if payment.acknowledged and chance > 0.9:
            self.attempt(caller, payment, other_body=True)
        elif payment.acknowledged and chance > 0.8:
            self.attempt(caller, payment)
        elif payment.acknowledged and chance > 0.76 and self.promises.keys_per_user:
            self._by_another(caller, payment)

    def _new(self, caller: Caller, session: SessionItem, sent: str | None = None) -> Payment:
        key = self.context.item("p")
        payment = Payment(key, sent or key, caller.random.randint(1, 9_999), session)
        self.payments.append(payment)
        return payment

    def _at_once(self, caller: Caller, payment: Payment, delays_s: list[float]) -> None:
        """Make one attempt, and one more `delays_s` seconds after its begin for each of the delays."""

        def other(delay_s: float) -> None:
            second = Caller(self.context, caller.routing, caller.random.getrandbits(32))
            gevent.sleep(delay_s)
            self.attempt(second, payment)
            second.close()

        others = [gevent.spawn(other, delay_s) for delay_s in delays_s]
        self.attempt(caller, payment)
        gevent.joinall(others, raise_error=True)

    def _by_another(self, caller: Caller, payment: Payment) -> None:
        """Let another user pay under the same key: that is a separate payment."""
        session = login(caller, self.name)
        if session and session.user != payment.session.user:
            self._until_definite(caller, self._new(caller, session, payment.sent))

    def _until_definite(self, caller: Caller, payment: Payment) -> None:
        for _ in range(ATTEMPTS):
            if payment.definite or payment.session.lost:
                return
            reply = self.attempt(caller, payment)
            if not payment.definite and reply.kind != "error":
                caller.pause(ASK_AGAIN_S, ASK_AGAIN_S)

    def attempt(
        self,
        caller: Caller,
        payment: Payment,
        expect: list[str] | None = None,
        avoid: str | None = None,
        through: str | None = None,
        other_body: bool = False,
    ) -> Reply:
        """Send the payment once, with its own body or, if `other_body`, with another one under the same key."""
        fingerprint = self.context.fingerprint
        amount = payment.amount + 1 if other_body else payment.amount
        reference = f"{payment.key}~other" if other_body else payment.key
        arg = fingerprint(f"{amount}/{reference}")
        op = Op(self.name, "pay", payment.key, session=payment.session.key, arg=arg, expect=expect)
        values = {
            "token": payment.session.token,
            "username": payment.session.user,
            "key": payment.sent,
            "amount": amount,
            "reference": reference,
        }

        def observe(fields: dict[str, object]) -> dict[str, object]:
            shown: dict[str, object] = {"value": fingerprint(repr(sorted(fields.items())))}
            return {**shown, "given_id": str(fields["id"])} if "id" in fields else shown

        reply = caller.call("idempotency.pay", op, values, observe, avoid, through)
        if not other_body:
            payment.last_ns = time.monotonic_ns()
            if reply.ok and not payment.acknowledged:
                payment.acknowledged, payment.replica = True, reply.replica
            payment.definite = payment.definite or reply.kind in DEFINITE
        return seen(payment.session, reply)

    def steady(self, caller: Caller) -> None:
        """See `Workload.steady`."""
        session = login(caller, self.name, ["ok"])
        if not session:
            return
        payment = self._new(caller, session)
        self.attempt(caller, payment, ["ok"])
        for name, _ in self.context.members.ready:
            self.attempt(caller, payment, ["ok"], through=name if self.context.settings.hop else None)
        if self.section.pay.answers.get("mismatch"):
            self.attempt(caller, payment, ["mismatch"], other_body=True)

    def settle(self) -> None:
        """Send half of the doubtful payments again at once; leave the others to the service's own completer first."""
        doubtful = [payment for payment in self.payments if not payment.definite]
        promised_s = self.promises.definite_answer_s
        spread(self.context, "hop", doubtful[::2], lambda caller, each: self._ask(caller, each, 0.0, promised_s))
        left = doubtful[1::2]
        spread(self.context, "hop", left, lambda caller, each: self._ask(caller, each, promised_s, promised_s))

    def _ask(self, caller: Caller, payment: Payment, wait_s: float, promised_s: float) -> None:
        if payment.session.lost:
            return
        gevent.sleep(max(0.0, payment.last_ns / 1e9 + wait_s - time.monotonic()))
        deadline = time.monotonic() + promised_s
        while not payment.definite and not payment.session.lost:
            reply = self.attempt(caller, payment)
            if payment.definite or time.monotonic() > deadline:
                return
            if reply.kind == "in_progress" and wait_s:
                return
            gevent.sleep(ASK_AGAIN_S)

    def final(self) -> None:
        """See `Workload.final`. To read a payment is to send it again: the answer must be the one from before."""
        read_back(self.context, [each for each in self.payments if each.acknowledged], self.attempt)
        if isinstance(self.section.effects, Operation):
            spread(self.context, "hop", self.payments, self._count)

    def _count(self, caller: Caller, payment: Payment) -> None:
        op = Op(self.name, "effects", payment.key, session=payment.session.key)
        values = {
            "token": payment.session.token,
            "username": payment.session.user,
            "key": payment.sent,
            "reference": payment.key,
            "id": "",
        }
        caller.call("idempotency.effects", op, values, lambda fields: {"number": float(str(fields["count"]))})
