"""The idempotency key is written when the charge has been made, not before.

Seen in the wild: a middleware that saves key and response once the handler has returned. It holds off requests that
come meanwhile, so it passes every test with duplicates; a process that dies in between leaves a charge that nobody
remembers, and the retry charges again.
"""

import hashlib

import orjson

from target_service.ledger import Effect, LedgerUnavailable, StaleFence
from target_service.parts import Parts
from target_service.payments import Answer, Order, Payments, payment_name
from target_service.problems import InProgress, KeyReused, Unavailable
from target_service.tokens import Claims

BEGIN = """
local known = redis.call('GET', KEYS[1])
if known then
  return {'done', known}
end
if not redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[1]) then
  return {'busy'}
end
return {'yours'}
"""


class LatePayments(Payments):
    """Keeps duplicates out while it charges, and remembers afterwards."""

    async def pay(self, claims: Claims, key: str, order: Order) -> Answer:
        """Charges, then stores that it did."""
        await self._sessions.run(claims, "profile")
        name = payment_name(claims.user, key)
        record, busy = f"payment-answer:{name}", f"payment-busy:{name}"
        outcome, *known = await self._store.run("payment_begin", [record, busy], [self._lease_ms])
        if outcome == b"busy":
            raise InProgress()
        if known:
            fingerprint, body = known[0].split(b" ", 1)
            if fingerprint.decode() != order.fingerprint():
                raise KeyReused()
            return Answer(body, replayed=True)
        payment_id = self._new_id("payment")
        downstream = hashlib.sha256(payment_id.encode()).hexdigest()
        try:
            await self._ledger.post(Effect(order.reference, downstream, None, "payment", order.amount))
        except (LedgerUnavailable, StaleFence) as error:
            await self._store.command("DEL", busy)
            raise Unavailable() from error
        parts = {"amount": order.amount, "currency": order.currency, "reference": order.reference}
        body = orjson.dumps({"payment_id": payment_id, "status": "charged", **parts})
        await self._store.command("SET", record, order.fingerprint().encode() + b" " + body, "PX", self._retention_ms)
        return Answer(body, replayed=False)


def apply(parts: Parts) -> None:
    """Exchanges the payments."""
    parts.lua["payment_begin"] = BEGIN
    parts.payments = LatePayments
