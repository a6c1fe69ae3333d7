"""The lock around a payment has no end of its own.

Seen in the wild: SET NX (or a row in a table of locks) that is deleted by the code that took it. Whoever is killed
while it holds the lock holds it for ever: every retry is told that the payment is in progress.
"""

from target_service.defects._locks import RELEASE, LockedPayments
from target_service.parts import Parts


class EndlessLockPayments(LockedPayments):
    """Trusts that it will be there to unlock."""

    async def acquire(self, lock: str, owner: str) -> bool:
        """Takes the lock until it is given back."""
        return bool(await self._store.command("SET", lock, owner, "NX"))


def apply(parts: Parts) -> None:
    """Exchanges the payments."""
    parts.lua["payment_unlock"] = RELEASE
    parts.payments = EndlessLockPayments
