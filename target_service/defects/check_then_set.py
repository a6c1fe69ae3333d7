"""Idempotency by looking first and writing afterwards.

Seen in the wild: "SELECT … WHERE key = ?, and if there is none, charge and INSERT", in countless payment handlers.
Two requests that look before either has written both charge; so does the retry of one that was killed in between.
"""

import hashlib

import orjson

from target_service.accounts import user_key
from target_service.ledger import Effect, LedgerUnavailable, StaleFence
from target_service.parts import Parts
from target_service.payments import Answer, Order, Payments, payment_name
from target_service.problems import KeyReused, Unavailable
from target_service.tokens import Claims


class CheckThenSetPayments(Payments):
    """Remembers answers; claims nothing."""

    async def pay(self, claims: Claims, key: str, order: Order) -> Answer:
        """Charges unless an answer is already there."""
        await self._sessions.run(claims, "profile", [user_key(claims.user)])
        name = f"payment-answer:{payment_name(claims.user, key)}"
        known = await self._store.command("GET", name)
        if known is not None:
            fingerprint, body = known.split(b" ", 1)
            if fingerprint.decode() != order.fingerprint():
                raise KeyReused()
            return Answer(body, replayed=True)
        payment_id = self._new_id("payment")
        downstream = hashlib.sha256(payment_id.encode()).hexdigest()
        try:
            await self._ledger.post(Effect(order.reference, downstream, None, "payment", order.amount))
        except (LedgerUnavailable, StaleFence) as error:
            raise Unavailable() from error
        parts = {"amount": order.amount, "currency": order.currency, "reference": order.reference}
        body = orjson.dumps({"payment_id": payment_id, "status": "charged", **parts})
        record = order.fingerprint().encode() + b" " + body
        await self._store.command("SET", name, record, "PX", self._retention_ms)
        return Answer(body, replayed=False)


def apply(parts: Parts) -> None:
    """Exchanges the payments."""
    parts.payments = CheckThenSetPayments
