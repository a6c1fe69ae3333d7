"""Payments that are charged without a claim, and answers that are remembered beside the record.

An answer is remembered as a string: the fingerprint of the order, a space, the body.
"""

import hashlib

from target_service.leased import Answer
from target_service.ledger import Effect, LedgerUnavailable, StaleFence
from target_service.payments import Order, Payments, charged
from target_service.problems import KeyReused, Unavailable


def remembered(order: Order, body: bytes) -> bytes:
    """Return what is stored of the answer to an order."""
    return order.fingerprint().encode() + b" " + body


def recalled(record: bytes, order: Order) -> Answer:
    """Return the answer that was stored as `record`.

    Raises:
        KeyReused: The answer is to another order.
    """
    fingerprint, body = record.split(b" ", 1)
    if fingerprint.decode() != order.fingerprint():
        raise KeyReused()
    return Answer(body, replayed=True)


class UnclaimedPayments(Payments):
    """Payments that can be charged under an id which no record has."""

    async def charge(self, order: Order) -> bytes:
        """Charge under a new id, and a key at the ledger that is made of this id.

        Returns:
            The body of the answer.

        Raises:
            Unavailable: The ledger gave no answer.
        """
        payment_id = self._new_id("payment")
        downstream = hashlib.sha256(payment_id.encode()).hexdigest()
        try:
            await self._ledger.post(Effect(order.reference, downstream, None, "payment", order.amount))
        except (LedgerUnavailable, StaleFence) as error:
            raise Unavailable() from error
        return charged(payment_id, order)
