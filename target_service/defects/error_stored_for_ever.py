"""An answer of 503 is stored under its key like any other, and repeated to every retry.

Seen in the wild: idempotency layers that save "the response" whatever its status is. A provider that failed once, for a
second, has failed for ever for the clients that asked in that second. Meanwhile the charge may well be made.
"""

from target_service.leased import Answer
from target_service.parts import Parts
from target_service.payments import Order, Payments
from target_service.problems import StoreUnreachable, Unavailable
from target_service.tokens import Claims


class StubbornPayments(Payments):
    """Payments that remember failures as well as successes."""

    async def pay(self, claims: Claims, key: str, order: Order) -> Answer:
        """Pay, unless this key has failed before."""
        await self._sessions.run(claims, "profile")
        failed = f"payment-failed:{self.name(claims, key)}"
        if await self._store.command("EXISTS", failed):
            raise Unavailable("The payment is not settled yet: ask again with the same key")
        try:
            return await super().pay(claims, key, order)
        except StoreUnreachable:
            raise
        except Unavailable:
            await self._store.command("SET", failed, "503", "PX", self._retention_ms)
            raise


def apply(parts: Parts) -> None:
    """Replace the payments."""
    parts.payments = StubbornPayments
