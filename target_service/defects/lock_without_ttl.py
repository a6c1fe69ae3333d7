"""The lock around a payment has no end of its own.

Seen in the wild: SET NX (or a row in a table of locks) that is deleted by the code that took it. A process that is
killed while it holds the lock holds it for ever: every retry is told that the payment is in progress.
"""

from target_service.defects._locks import RELEASE, LockedPayments
from target_service.parts import Parts


class EndlessLockPayments(LockedPayments):
    """Payments whose lock only its owner ends."""

    async def acquire(self, lock: str, owner: str) -> bool:
        """Take the lock until it is given back."""
        return bool(await self._store.command("SET", lock, owner, "NX"))


def apply(parts: Parts) -> None:
    """Replace the payments."""
    parts.lua["payment_unlock"] = RELEASE
    parts.payments = EndlessLockPayments
