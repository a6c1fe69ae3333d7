"""Payments under a lock in the store, as many services build them. What is wrong with the lock is up to each defect.

The provider is given the same key at every attempt, so it charges once. The id of the payment is chosen under the lock
and stored with the answer, so two owners at the same time tell the client two ids for one payment.
"""

import secrets

from target_service.defects._unclaimed import recalled, remembered
from target_service.ids import name_of_key
from target_service.leased import Answer
from target_service.ledger import Effect, LedgerUnavailable, StaleFence
from target_service.payments import Order, Payments, charged
from target_service.problems import InProgress, Unavailable
from target_service.tokens import Claims

RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
"""
"""Gives the lock back if it is still the owner's. Defects register this as the script `payment_unlock`."""


class LockedPayments(Payments):
    """Payments that look for an answer, lock, look again, charge, remember and unlock: right if the lock is right."""

    async def pay(self, claims: Claims, key: str, order: Order) -> Answer:
        """Charge under the lock, unless there is an answer already."""
        await self._sessions.run(claims, "profile")
        name = name_of_key(claims.user, key)
        known = await self._known(name, order)
        if known is not None:
            return known
        lock, owner = f"payment-lock:{name}", secrets.token_hex(8)
        try:
            if not await self.acquire(lock, owner):
                raise InProgress()
            return await self._known(name, order) or await self._charge(name, order)
        finally:
            await self.release(lock, owner)

    async def acquire(self, lock: str, owner: str) -> bool:
        """Take the lock; return False when another owner has it."""
        return bool(await self._store.command("SET", lock, owner, "NX", "PX", self._lease_ms))

    async def release(self, lock: str, owner: str) -> None:
        """Give the lock back, if it is still `owner`'s."""
        await self._store.run("payment_unlock", [lock], [owner])

    async def _known(self, name: str, order: Order) -> Answer | None:
        record = await self._store.command("GET", f"payment-answer:{name}")
        return None if record is None else recalled(record, order)

    async def _charge(self, name: str, order: Order) -> Answer:
        payment_id = self._new_id("payment")
        try:
            await self._ledger.post(Effect(order.reference, f"payment:{name}", None, "payment", order.amount))
        except (LedgerUnavailable, StaleFence) as error:
            raise Unavailable() from error
        body = charged(payment_id, order)
        record = remembered(order, body)
        await self._store.command("SET", f"payment-answer:{name}", record, "PX", self._retention_ms)
        return Answer(body, replayed=False)
