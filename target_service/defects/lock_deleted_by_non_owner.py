"""Whoever leaves the locked section deletes the lock, whether it is the owner or not.

Seen in the wild: `finally: redis.delete(lock)` around the attempt to take it, and DEL without comparing the owner. A
request that is turned away takes the lock from the request that has it, and the next one walks in.
"""

from target_service.defects._locks import LockedPayments
from target_service.parts import Parts


class OpenDoorPayments(LockedPayments):
    """Payments whose lock anybody deletes."""

    async def release(self, lock: str, owner: str) -> None:
        """Delete the lock, whoever has it."""
        await self._store.command("DEL", lock)


def apply(parts: Parts) -> None:
    """Replace the payments."""
    parts.payments = OpenDoorPayments
