"""The lock around a payment ends before the work under it does, and no fence stops the late owner.

Seen in the wild: a lock of five seconds around a call that takes six on a bad day. The next request takes the lock that
has ended, both go on, and both answer.
"""

from target_service.defects._locks import RELEASE, LockedPayments
from target_service.parts import Parts

TTL_MS = 20
"""How long the lock lasts, in ms. The ledger takes longer than this to answer, as providers do."""


class ShortLockPayments(LockedPayments):
    """Payments whose lock was measured on a good day."""

    async def acquire(self, lock: str, owner: str) -> bool:
        """Take the lock for less time than the work needs."""
        return bool(await self._store.command("SET", lock, owner, "NX", "PX", TTL_MS))


def apply(parts: Parts) -> None:
    """Replace the payments."""
    parts.lua["payment_unlock"] = RELEASE
    parts.payments = ShortLockPayments
