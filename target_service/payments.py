"""Payments: one charge for one idempotency key, whatever is lost, repeated or killed.

A payment is a leased record: leased.py says how it is claimed, charged, finished and taken over.

Keys    payment:<name>   hash: fingerprint (of the body), state (open | done), payment_id, order (what to charge),
                         fence (number of the attempt), lease_until (ms), answer. <name> is a hash of user and
                         idempotency key, so one user cannot touch another's payments. An open payment has no TTL,
                         because it must be finished. A done one lives IDEMPOTENCY_RETENTION_S; after that its key
                         makes a new payment.
        payments:open    sorted set: name -> ms from which the completer may take the payment.
Owner   whoever holds the lease; the fence is the proof. Whoever finds that the lease has ended takes the next fence.
Trips   2: the claim (with the check of the session), then finish or release. The completer: 1 a poll, 2 a payment.
Crash   Replicas and workers may die after any of these points:
        claimed    The payment is open, under a lease, and listed. Nothing was charged, or nobody knows. After the
                   lease the client's retry, or the completer, takes the next fence and charges again with the same
                   ledger key. The ledger answers with the effect that it has, or has the effect now: exactly once in
                   both cases. The ledger key is the payment id, stored before the ledger is asked and kept for as long
                   as it may be asked again. The client's key would not do: the service forgets it and the ledger does
                   not, so a payment under a key used again would be answered with the old charge.
        charged    As above. Only the ledger knows of the charge; it is asked again with the same key and replays it.
        finished   The answer is stored. Every later request with the key gets exactly this answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

import orjson

from target_service import leased
from target_service.ids import name_of_key
from target_service.leased import Answer, LeasedRecords, Wish
from target_service.ledger import Effect
from target_service.state import Key, State
from target_service.tokens import Claims

STATE = State(
    name="Payments",
    keys=(
        Key(
            "payment:*",
            "hash",
            "none while open; IDEMPOTENCY_RETENTION_S once done",
            "whoever holds the lease, proved by its fence",
            "fingerprint, state, payment id, what to charge, fence, lease, answer: the whole memory of one key",
        ),
        Key("payments:open", "zset", None, "the scripts that claim and finish", "what the completer has to look at"),
    ),
    scripts=("payment_claim", "payment_due", "payment_finish", "payment_release", "payment_resume"),
    trips={
        "POST /payment": (2, "the claim must be durable before the charge, and the answer after it"),
        "completer: a poll": 1,
        "completer: a payment": (2, "as the request that it completes"),
    },
    crash="""Claimed or charged: after the lease the client's retry or the completer takes the next fence and charges
    again under the stored payment id, which the ledger has once. Finished: every later request gets the stored answer,
    until the key is forgotten: then it is a new payment, with an id and an effect of its own.""",
)


@dataclass(frozen=True)
class Order(Wish):
    """What is to be charged.

    Attributes:
        amount: A decimal number in canonical form.
        currency: The three letters of ISO 4217.
        reference: The client's own name for the charge.
    """

    amount: str
    currency: str
    reference: str

    @classmethod
    def of(cls, amount: Decimal, currency: str, reference: str) -> Self:
        """Return an order whose amount is in canonical form: 5, 5.0 and "5.00" are the same amount."""
        return cls(f"{amount.normalize():f}", currency, reference)


@dataclass(frozen=True)
class Attempt(leased.Attempt):
    """One owner's claim on a payment. `id` is the payment id, `order` is what to charge."""

    order: Order


def charged(payment_id: str, order: Order) -> bytes:
    """Return the body of the answer to a payment that was charged."""
    return orjson.dumps(
        {
            "payment_id": payment_id,
            "status": "charged",
            "amount": order.amount,
            "currency": order.currency,
            "reference": order.reference,
        }
    )


class Payments(LeasedRecords[Attempt]):
    """Payments in the store, their charges in the ledger."""

    kind = "payment"
    not_yet = "The payment is not settled yet: ask again with the same key"

    async def pay(self, claims: Claims, key: str, order: Order) -> Answer:
        """Charge once for this user and idempotency key.

        The claim is in the store before the ledger is asked. A replica that dies here leaves an open payment, which the
        client's retry or the completer finishes.

        Args:
            claims: Whose payment this is.
            key: The idempotency key.
            order: What to charge.

        Returns:
            The answer: a new one, or the stored one when the key was used before with the same order.

        Raises:
            NotAuthenticated: The session is not live.
            KeyReused: The key was used with another order.
            InProgress: Another request with this key is being processed.
            Unavailable: The store or the ledger gave no answer; asking again with the same key is safe.
        """
        name = self.name(claims, key)
        return await self._claim(
            claims,
            [self.key(name), self.open_list],
            [order.fingerprint(), self._new_id("payment"), self._lease_ms, order.encoded(), name],
            lambda fence, payment_id: Attempt(name, fence, payment_id, order),
        )

    def name(self, claims: Claims, key: str) -> str:
        """Return the name of the payment that an idempotency key of this user stands for."""
        return name_of_key(claims.user, key)

    def effect(self, attempt: Attempt) -> Effect:
        """Return the charge: the same key at every attempt, and the number of the attempt as the fence."""
        order = attempt.order
        return Effect(order.reference, f"payment:{attempt.id}", attempt.fence, "payment", order.amount)

    def answer(self, attempt: Attempt) -> bytes:
        """Return the body of the answer to an attempt whose charge was made."""
        return charged(attempt.id, attempt.order)

    def resumed(self, name: str, fence: int, values: Sequence[bytes]) -> Attempt:
        """Return the completer's attempt from the payment id and the encoded order of the record."""
        payment_id, order = values
        return Attempt(name, fence, payment_id.decode(), Order.decoded(order))
