"""The answer is stored in the record before the charge has been made.

Seen in the wild: the response is built, cached under the key, and only then is the provider called or the transaction
committed ("we can return it from the cache if the commit is slow"). When the commit fails, the client is told so once.
Its retry is answered from the cache, and nothing was ever charged.
"""

from target_service.ledger import LedgerUnavailable, StaleFence
from target_service.parts import Parts
from target_service.payments import Attempt, Payments
from target_service.problems import Unavailable


class EagerPayments(Payments):
    """Payments that are finished before they are charged."""

    async def complete(self, attempt: Attempt) -> bytes:
        """Store the answer, then charge."""
        answer = await self._finish(attempt, self.answer(attempt))
        try:
            await self._ledger.post(self.effect(attempt))
        except (LedgerUnavailable, StaleFence) as error:
            raise Unavailable() from error
        return answer


def apply(parts: Parts) -> None:
    """Replace the payments."""
    parts.payments = EagerPayments
