"""Each attempt at a payment goes to the ledger under a key of its own.

Seen in the wild: an idempotency key made with uuid4() inside the function that is retried, so that the provider takes
every retry for a new charge. This is harmless until an answer is lost.
"""

from dataclasses import replace

from target_service.ledger import Effect
from target_service.parts import Parts
from target_service.payments import Attempt, Payments


class NewKeyPayments(Payments):
    """Payments that are right in everything except the key of the charge."""

    def effect(self, attempt: Attempt) -> Effect:
        """Return the charge under a key that no other attempt has."""
        effect = super().effect(attempt)
        return replace(effect, key=f"{effect.key}:{attempt.fence}")


def apply(parts: Parts) -> None:
    """Replace the payments."""
    parts.payments = NewKeyPayments
