"""The idempotency key is written after the charge has been made, not before.

Seen in the wild: a middleware that saves key and response once the handler has returned. It holds off requests that
come meanwhile, so it passes every test with duplicates. A process that dies in between leaves a charge that nobody
remembers, and the retry charges again.
"""

from target_service.defects._unclaimed import UnclaimedPayments, recalled, remembered
from target_service.ids import name_of_key
from target_service.leased import Answer
from target_service.parts import Parts
from target_service.payments import Order
from target_service.problems import InProgress, Unavailable
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


class LatePayments(UnclaimedPayments):
    """Payments that keep duplicates out while they charge, and remember afterwards."""

    async def pay(self, claims: Claims, key: str, order: Order) -> Answer:
        """Charge, then store that the charge was made."""
        await self._sessions.run(claims, "profile")
        name = name_of_key(claims.user, key)
        record, busy = f"payment-answer:{name}", f"payment-busy:{name}"
        outcome, *known = await self._store.run("payment_begin", [record, busy], [self._lease_ms])
        if outcome == b"busy":
            raise InProgress()
        if known:
            return recalled(known[0], order)
        try:
            body = await self.charge(order)
        except Unavailable:
            await self._store.command("DEL", busy)
            raise
        await self._store.command("SET", record, remembered(order, body), "PX", self._retention_ms)
        return Answer(body, replayed=False)


def apply(parts: Parts) -> None:
    """Replace the payments."""
    parts.lua["payment_begin"] = BEGIN
    parts.payments = LatePayments
