"""Whoever is logged in sees any account whose id is in the path.

Seen in the wild: broken object level authorization, first of the OWASP API Security Top 10. The handler checks that
there is a user, and not that it is the right one.
"""

from target_service.parts import Parts
from target_service.tokens import Claims
from target_service.users import Users


class TrustingUsers(Users):
    """Users of whom each may see every account."""

    def may_see(self, claims: Claims, id: str) -> bool:
        """Permit everybody."""
        return True


def apply(parts: Parts) -> None:
    """Replace the users."""
    parts.users = TrustingUsers
