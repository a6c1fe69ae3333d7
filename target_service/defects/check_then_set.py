"""Idempotency by looking first and writing afterwards.

Seen in the wild: "SELECT … WHERE key = ?, and if there is none, charge and INSERT", in countless payment handlers. Two
requests that look before either has written both charge. So does the retry of a request that was killed in between.
"""

from target_service.accounts import user_key
from target_service.defects._unclaimed import UnclaimedPayments, recalled, remembered
from target_service.ids import name_of_key
from target_service.leased import Answer
from target_service.parts import Parts
from target_service.payments import Order
from target_service.tokens import Claims


class CheckThenSetPayments(UnclaimedPayments):
    """Payments that remember answers and claim nothing."""

    async def pay(self, claims: Claims, key: str, order: Order) -> Answer:
        """Charge, unless there is an answer already."""
        await self._sessions.run(claims, "profile", [user_key(claims.user)])
        name = f"payment-answer:{name_of_key(claims.user, key)}"
        known = await self._store.command("GET", name)
        if known is not None:
            return recalled(known, order)
        body = await self.charge(order)
        await self._store.command("SET", name, remembered(order, body), "PX", self._retention_ms)
        return Answer(body, replayed=False)


def apply(parts: Parts) -> None:
    """Replace the payments."""
    parts.payments = CheckThenSetPayments
