"""Whoever leaves the locked section deletes the lock, whether it is the owner or not.

Seen in the wild: `finally: redis.delete(lock)` around the attempt to take it, and DEL without comparing the owner.
A request that is turned away takes the lock from the one that has it, and the next request walks in.
"""

from target_service.defects._locks import LockedPayments
from target_service.parts import Parts


class OpenDoorPayments(LockedPayments):
    """Cleans up after others."""

    async def release(self, lock: str, owner: str) -> None:
        """Deletes the lock."""
        await self._store.command("DEL", lock)


def apply(parts: Parts) -> None:
    """Exchanges the payments."""
    parts.payments = OpenDoorPayments
