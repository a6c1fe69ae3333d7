"""Whether an order is taken is looked up in one step, and the order is taken in the next.

Seen in the wild: `if order.status == "new": order.status = "processing"; order.save()`, and SELECT without FOR UPDATE.
Two clients that look before either has written are both told that the order is theirs.
"""

from target_service.leased import Answer
from target_service.orders import Orders, Wanted, order_name
from target_service.parts import Parts
from target_service.problems import OrderTaken
from target_service.tokens import Claims

LOOK = """
if not live() then
  return false
end
return {redis.call('HGET', KEYS[3], 'user')}
"""
TAKEN = "claimant ~= ARGV[2]"
BUSY = "tonumber(lease_until) > now"


class TwoStepOrders(Orders):
    """Orders that believe what was read a moment ago."""

    async def place(self, claims: Claims, key: str, wanted: Wanted) -> Answer:
        """Look whether the order is taken, then take it."""
        (user,) = await self._sessions.run(claims, "order_look", [self.key(order_name(wanted.order_id))]) or [None]
        if user is not None and user.decode() != claims.user:
            raise OrderTaken()
        return await super().place(claims, key, wanted)


def apply(parts: Parts) -> None:
    """Replace the orders; the claim trusts that somebody has looked."""
    for condition in (TAKEN, BUSY):
        assert condition in parts.lua["order_claim"]
        parts.lua["order_claim"] = parts.lua["order_claim"].replace(condition, "false")
    parts.lua["order_look"] = LOOK
    parts.orders = TwoStepOrders
